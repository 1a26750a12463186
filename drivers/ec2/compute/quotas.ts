import type { Instance } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import type { QuotaService } from '../../driver.ts'
import { readAll } from '../../pages.ts'
import { readPage, toPageParameters, type Cloud } from '../client/index.ts'
import { instancePageSizes, maxInstances, readInstances } from './instances.ts'

/** States of instances that count. The cloud lists a terminated instance for an hour. */
const countedStates = ['pending', 'running', 'stopping', 'stopped']

/** The quotas of the account that the API shows, and their use. */
export function createQuotas (cloud: Cloud): QuotaService {
  const { client } = cloud

  const countNodes = async (call: Call) => {
    const Filters = [{ Name: 'instance-state-name', Values: countedStates }]
    const instances = await readAll<Instance>((token) => {
      const page = toPageParameters(cloud, { limit: maxInstances, token }, instancePageSizes)
      return readInstances(client, { Filters, ...page }, call)
    })
    return instances.length
  }

  const countAddresses = async (call: Call) => {
    const { items } = await readPage(client, 'DescribeAddresses', 'Addresses', {}, call)
    return items.length
  }

  const readLimits = async (call: Call) => {
    const { items } = await readPage(client, 'DescribeAccountAttributes', 'AccountAttributes', {}, call)
    return (...names: readonly string[]) => {
      const found = names.map((name) => items.find(({ AttributeName: other }) => other === name))
      const [value] = found.find((attribute) => attribute !== undefined)?.AttributeValues ?? []
      const limit = Number(value?.AttributeValue ?? NaN)
      return Number.isInteger(limit) && limit >= 0 ? limit : undefined
    }
  }

  return {
    async list (call) {
      const [limitOf, nodes, addresses] = await Promise.all([readLimits(call), countNodes(call), countAddresses(call)])
      const rows = [
        { resource: 'nodes', limit: limitOf('max-instances'), used: nodes },
        { resource: 'floating_ips', limit: limitOf('vpc-max-elastic-ips', 'max-elastic-ips'), used: addresses }
      ]
      return rows.flatMap(({ resource, limit, used }) =>
        limit === undefined ? [] : [{ resource, limit, used, unit: 'count' as const }])
    }
  }
}
