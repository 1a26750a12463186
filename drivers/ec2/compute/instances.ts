import type { DescribeInstancesCommandInput, Instance } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import { findById, notFound, readPage, type Client } from '../client/index.ts'

/** The SDK parses 100 instances in some 25 ms, during which the event loop is blocked. */
export const maxInstances = 100
export const instancePageSizes = [5, maxInstances] as const

/** Reads a page of instances. The cloud groups them by reservation. */
export async function readInstances (
  client: Client,
  input: DescribeInstancesCommandInput,
  call: Call
) {
  const { items, next } = await readPage(client, 'DescribeInstances', 'Reservations', input, call)
  return { items: items.flatMap(({ Instances: instances = [] }) => instances), next }
}

/** Reads one instance. Throws resource_not_found. */
export async function readInstance (client: Client, id: string, call: Call): Promise<Instance> {
  const { items } = await readInstances(client, { InstanceIds: [id] }, call)
  const found = findById(items, id, 'InstanceId')
  if (found === undefined) throw notFound('node', id)
  return found
}
