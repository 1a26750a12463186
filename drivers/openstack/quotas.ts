import { defres, type Read } from 'openstack-client'
import { ProblemError, type Quota } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { QuotaService } from '../driver.ts'
import { cinder } from './storage/cinder.ts'
import { bind } from './client/bind.ts'
import type { Client } from './client/client.ts'

export const novaLimits = defres<{ read: Read }>('compute', '/limits', 'limits', { only: [], read: ['get', '', 'limits'] })
const neutronQuotas = defres<{ show: Read<[project: string]> }>('network', '/v2.0/quotas/:id/details', 'quota', {
  only: [], show: ['get', '.json', 'quota']
})

export interface Limits {
  absolute?: Record<string, unknown>
}

type Details = Record<string, { limit?: unknown, used?: unknown } | undefined>

export type Row = readonly [resource: string, limit: string, used: string, unit?: Quota['unit']]

/** Limits of Nova and Cinder: they tell the same as quota sets, which want the project's id and, at some clouds, an administrator. */
export const novaRows: readonly Row[] = [
  ['nodes', 'maxTotalInstances', 'totalInstancesUsed'],
  ['vcpus', 'maxTotalCores', 'totalCoresUsed'],
  ['ram', 'maxTotalRAMSize', 'totalRAMUsed', 'MiB']
]
const volumes: readonly Row[] = [
  ['volumes', 'maxTotalVolumes', 'totalVolumesUsed'],
  ['volume_storage', 'maxTotalVolumeGigabytes', 'totalGigabytesUsed', 'GiB'],
  ['snapshots', 'maxTotalSnapshots', 'totalSnapshotsUsed']
]
const network: ReadonlyArray<readonly [resource: string, name: string]> = [
  ['networks', 'network'], ['subnets', 'subnet'], ['routers', 'router'], ['floating_ips', 'floatingip'],
  ['security_groups', 'security_group'], ['security_group_rules', 'security_group_rule'], ['ports', 'port']
]

const count = (value: unknown) => typeof value === 'number' && value >= 0 ? value : null

/** What a cloud does not tell at all is left out; -1 is no limit. */
export function toQuota (resource: string, limit: unknown, used: unknown, unit: Quota['unit'] = 'count'): Quota[] {
  return typeof limit === 'number' ? [{ resource, limit: count(limit), used: count(used), unit }] : []
}

export const fromLimits = ({ absolute = {} }: Limits, rows: readonly Row[]): Quota[] =>
  rows.flatMap(([resource, limit, used, unit]) => toQuota(resource, absolute[limit], absolute[used], unit))

const fromDetails = (details: Details): Quota[] =>
  network.flatMap(([resource, name]) => toQuota(resource, details[name]?.limit, details[name]?.used))

/** Quotas of Nova, Neutron and Cinder. A service that the cloud lacks, or that does not tell its quotas, is left out. */
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
    async (call) => fromLimits(await volumeLimits.read(cinder.limits.read, call), volumes)
  ]
  return {
    list: async (call) => (await Promise.all(readers.map((read) => read(call).catch(leaveOut)))).flat()
  }
}

/** Nothing, of a service that is not there or does not tell; any other error is thrown again. */
export function leaveOut (error: unknown): Quota[] {
  if (error instanceof ProblemError && (error.code === 'not_supported' || error.code === 'resource_not_found')) return []
  throw error
}
