import type { DescribeInstancesCommandInput, Instance } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Client } from '../client/client.ts'
import { malformed } from '../client/errors.ts'
import { nextOf } from '../client/lists.ts'

/** The least and the most instances of a page: a hundred are parsed in some 25 ms, in which nothing else is done. */
export const instancesOfPage = [5, 100] as const

/** A page of instances: the cloud tells them by reservation. */
export async function readInstances (client: Client, input: DescribeInstancesCommandInput, call: Call) {
  const { Reservations: reservations, NextToken: token } = await client.read((sdk) => new sdk.DescribeInstancesCommand(input), call)
  if (reservations === undefined) throw malformed('The cloud answered without a list of instances')
  return { instances: reservations.flatMap(({ Instances: own = [] }) => own), next: nextOf(token) }
}

/** One instance. Throws resource_not_found. */
export async function readInstance (client: Client, id: string, call: Call): Promise<Instance> {
  const { instances } = await readInstances(client, { InstanceIds: [id] }, call)
  const found = instances.find(({ InstanceId: own }) => own?.toLowerCase() === id.toLowerCase())
  if (found === undefined) throw new ProblemError('resource_not_found', `There is no node ${id}`)
  return found
}
