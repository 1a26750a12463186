import type { Call } from '../../call.ts'
import type { QuotaService } from '../../driver.ts'
import { readPage, toPageParameters, type Cloud } from '../client/index.ts'

/** States of instances that count. The cloud lists a terminated instance for an hour. */
const countedStates = ['pending', 'running', 'stopping', 'stopped']

/** The largest page of DescribeInstanceStatus. */
const maxStatuses = 1000

/** The quotas of the account that the API shows, and their use. */
export function createQuotas (cloud: Cloud): QuotaService {
  const { client } = cloud

  /** Counts instances by one call, whose items are small. Returns null if they are more than one answer holds. */
  const countNodes = async (call: Call) => {
    const input = {
      IncludeAllInstances: true,
      Filters: [{ Name: 'instance-state-name', Values: countedStates }],
      ...toPageParameters(cloud, { limit: maxStatuses, token: null }, [5, maxStatuses])
    }
    const { items, next } = await readPage(
      client,
      'DescribeInstanceStatus',
      'InstanceStatuses',
      input,
      call
    )
    return next === null ? items.length : null
  }

  const countAddresses = async (call: Call) => {
    const { items } = await readPage(client, 'DescribeAddresses', 'Addresses', {}, call)
    return items.length
  }

  const readLimits = async (call: Call) => {
    const { items } = await readPage(
      client,
      'DescribeAccountAttributes',
      'AccountAttributes',
      {},
      call
    )
    return (...names: readonly string[]) => {
      const found = names.map((name) => items.find(({ AttributeName: other }) => other === name))
      const [value] = found.find((attribute) => attribute !== undefined)?.AttributeValues ?? []
      const limit = Number(value?.AttributeValue ?? NaN)
      return Number.isInteger(limit) && limit >= 0 ? limit : undefined
    }
  }

  return {
    async list (call) {
      const [limitOf, nodes, addresses] = await Promise.all([
        readLimits(call),
        countNodes(call),
        countAddresses(call)
      ])
      const rows = [
        { resource: 'nodes', limit: limitOf('max-instances'), used: nodes },
        {
          resource: 'floating_ips',
          limit: limitOf('vpc-max-elastic-ips', 'max-elastic-ips'),
          used: addresses
        }
      ]
      return rows.flatMap(({ resource, limit, used }) =>
        limit === undefined ? [] : [{ resource, limit, used, unit: 'count' as const }]
      )
    }
  }
}
