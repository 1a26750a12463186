import type { DescribeInstancesCommandInput, Instance } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Client } from '../client/client.ts'
import { findById, toPage } from '../client/lists.ts'

/** The SDK parses 100 instances in some 25 ms, during which the event loop is blocked. */
export const maxInstances = 100
export const instancePageSizes = [5, maxInstances] as const

/** Reads a page of instances. The cloud groups them by reservation. */
export async function readInstances (client: Client, input: DescribeInstancesCommandInput, call: Call) {
  const { Reservations: reservations, NextToken: token } = await client.read('DescribeInstances', input, call)
  const instances = reservations?.flatMap(({ Instances: group = [] }) => group)
  return toPage(instances, token, 'instances')
}

/** Reads one instance. Throws resource_not_found. */
export async function readInstance (client: Client, id: string, call: Call): Promise<Instance> {
  const { items } = await readInstances(client, { InstanceIds: [id] }, call)
  const found = findById(items, id, ({ InstanceId: instanceId }) => instanceId)
  if (found === undefined) throw new ProblemError('resource_not_found', `There is no node ${id}`)
  return found
}
