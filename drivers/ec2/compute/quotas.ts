import type { Quota } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { QuotaService } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { instancesOfPage, readInstances } from './instances.ts'
import { pageOf } from '../client/lists.ts'

/** States of instances that count: one that is terminated is shown for an hour. */
const there = ['pending', 'running', 'stopping', 'stopped']

/** Quotas of the account as far as the API itself tells them, and what is used of them. */
export function createQuotas (cloud: Cloud): QuotaService {
  const { client } = cloud

  const countNodes = async (call: Call) => {
    let used = 0
    let token: string | null = null
    do {
      const input = { Filters: [{ Name: 'instance-state-name', Values: there }], ...pageOf(cloud, { limit: 100, token }, instancesOfPage) }
      const page: Awaited<ReturnType<typeof readInstances>> = await readInstances(client, input, call)
      used += page.instances.length
      token = page.next
    } while (token !== null)
    return used
  }

  const countAddresses = async (call: Call) => {
    const { Addresses: addresses } = await client.read((sdk) => new sdk.DescribeAddressesCommand({}), call)
    if (addresses === undefined) throw malformed('The cloud answered without a list of addresses')
    return addresses.length
  }

  const readLimits = async (call: Call) => {
    const { AccountAttributes: attributes } = await client.read((sdk) => new sdk.DescribeAccountAttributesCommand({}), call)
    if (attributes === undefined) throw malformed('The cloud answered without attributes of the account')
    return (...names: readonly string[]) => {
      const told = names.map((wanted) => attributes.find(({ AttributeName: name }) => name === wanted)).find((one) => one !== undefined)
      const value = Number(told?.AttributeValues?.[0]?.AttributeValue ?? NaN)
      return Number.isInteger(value) && value >= 0 ? value : undefined
    }
  }

  return {
    async list (call: Call): Promise<Quota[]> {
      const [limitOf, nodes, addresses] = await Promise.all([readLimits(call), countNodes(call), countAddresses(call)])
      const rows = [
        { resource: 'nodes', limit: limitOf('max-instances'), used: nodes },
        { resource: 'floating_ips', limit: limitOf('vpc-max-elastic-ips', 'max-elastic-ips'), used: addresses }
      ]
      return rows.flatMap(({ resource, limit, used }) => limit === undefined ? [] : [{ resource, limit, used, unit: 'count' as const }])
    }
  }
}
