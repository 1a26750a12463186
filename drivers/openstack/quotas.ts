import { defres } from 'openstack-client'
import { ProblemError, type Quota } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { QuotaService } from '../driver.ts'
import { bind } from './client/bind.ts'
import type { Client } from './client/client.ts'
import { cinder } from './storage/cinder.ts'

export const novaLimits = defres('compute', '/limits', 'limits', {
  only: [], read: ['get', '', 'limits']
})
const neutronQuotas = defres('network', '/v2.0/quotas/:id/details', 'quota', {
  only: [], show: ['get', '.json', 'quota']
})

export interface Limits {
  absolute?: Record<string, unknown>
}

type Details = Record<string, { limit?: unknown, used?: unknown } | undefined>

/** A quota, and the names of its limit and its use in an answer. */
export type Row = readonly [resource: string, limit: string, used: string, unit?: Quota['unit']]

/**
 * Nova and Cinder show limits to everyone. Quota sets have the same numbers, but need the project's
 * id and, in some clouds, an administrator.
 */
export const novaRows: readonly Row[] = [
  ['nodes', 'maxTotalInstances', 'totalInstancesUsed'],
  ['vcpus', 'maxTotalCores', 'totalCoresUsed'],
  ['ram', 'maxTotalRAMSize', 'totalRAMUsed', 'MiB']
]
const volumeRows: readonly Row[] = [
  ['volumes', 'maxTotalVolumes', 'totalVolumesUsed'],
  ['volume_storage', 'maxTotalVolumeGigabytes', 'totalGigabytesUsed', 'GiB'],
  ['snapshots', 'maxTotalSnapshots', 'totalSnapshotsUsed']
]
const networkNames: Readonly<Record<string, string>> = {
  networks: 'network',
  subnets: 'subnet',
  routers: 'router',
  floating_ips: 'floatingip',
  security_groups: 'security_group',
  security_group_rules: 'security_group_rule',
  ports: 'port'
}

const count = (value: unknown) => typeof value === 'number' && value >= 0 ? value : null

/** Makes a quota; none if the answer lacks its limit. -1 means unlimited. */
export function toQuota (
  resource: string, limit: unknown, used: unknown, unit: Quota['unit'] = 'count'
): Quota[] {
  return typeof limit === 'number' ? [{ resource, limit: count(limit), used: count(used), unit }] : []
}

export const fromLimits = ({ absolute = {} }: Limits, rows: readonly Row[]): Quota[] =>
  rows.flatMap(([resource, limit, used, unit]) =>
    toQuota(resource, absolute[limit], absolute[used], unit))

const fromDetails = (details: Details): Quota[] =>
  Object.entries(networkNames).flatMap(([resource, name]) =>
    toQuota(resource, details[name]?.limit, details[name]?.used))

/**
 * Quotas of Nova, Neutron and Cinder. A service that does not exist or does not show its quotas is
 * left out.
 */
export function createQuotas (client: Client): QuotaService {
  const nova = bind<Limits>(client, {}, { service: 'compute' })
  const neutron = bind<Details>(client, neutronQuotas, { service: 'network' })
  const volumeLimits = bind<Limits>(client, {}, { service: 'volume' })

  const readers: Array<(call: Call) => Promise<Quota[]>> = [
    async (call) => fromLimits(await nova.read(novaLimits.read, call), novaRows),
    async (call) => {
      const project = await client.project(call)
      return project === undefined ? [] : fromDetails(await neutron.show(project, call))
    },
    async (call) => fromLimits(await volumeLimits.read(cinder.limits.read, call), volumeRows)
  ]
  return {
    list: async (call) => (await Promise.all(readers.map((read) => read(call).catch(leaveOut)))).flat()
  }
}

/** Returns no quotas for a service that does not exist or does not show them. Throws any other error again. */
export function leaveOut (error: unknown): Quota[] {
  const code = error instanceof ProblemError ? error.code : undefined
  if (code === 'not_supported' || code === 'resource_not_found') return []
  throw error
}
