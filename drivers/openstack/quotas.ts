import { defres } from 'openstack-client'
import { ProblemError, toProblem, type Quota, type QuotaSource } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { QuotaService } from '../driver.ts'
import { bind } from './client/bind.ts'
import type { Service } from './client/catalog.ts'
import type { Client } from './client/client.ts'
import { cinder } from './storage/cinder.ts'

export const novaLimits = defres('compute', '/limits', 'limits', {
  only: [],
  read: ['get', '', 'limits']
})
const neutronQuotas = defres('network', '/v2.0/quotas/:id/details', 'quota', {
  only: [],
  show: ['get', '.json', 'quota']
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
  resource: string,
  limit: unknown,
  used: unknown,
  unit: Quota['unit'] = 'count'
): Quota[] {
  return typeof limit === 'number'
    ? [{ resource, limit: count(limit), used: count(used), unit }]
    : []
}

export const fromLimits = ({ absolute = {} }: Limits, rows: readonly Row[]): Quota[] =>
  rows.flatMap(([resource, limit, used, unit]) =>
    toQuota(resource, absolute[limit], absolute[used], unit)
  )

const fromDetails = (details: Details): Quota[] =>
  Object.entries(networkNames).flatMap(([resource, name]) =>
    toQuota(resource, details[name]?.limit, details[name]?.used)
  )

/**
 * Quotas of Nova, Neutron and Cinder. A service that does not exist or does not show its quotas is
 * left out. If a service fails, `sources` reports it; if all fail, throws the first error.
 */
export function createQuotas (client: Client): QuotaService {
  const nova = bind<Limits>(client, {}, { service: 'compute' })
  const neutron = bind<Details>(client, neutronQuotas, { service: 'network' })
  const volumeLimits = bind<Limits>(client, {}, { service: 'volume' })

  const readers: Record<Exclude<Service, 'image' | 'identity'>, (call: Call) => Promise<Quota[]>> =
    {
      compute: async (call) => fromLimits(await nova.read(novaLimits.read, call), novaRows),
      async network (call) {
        const project = await client.project(call)
        return project === undefined ? [] : fromDetails(await neutron.show(project, call))
      },
      volume: async (call) =>
        fromLimits(await volumeLimits.read(cinder.limits.read, call), volumeRows)
    }

  const readService = async (
    service: string,
    read: (call: Call) => Promise<Quota[]>,
    call: Call
  ): Promise<ServiceQuotas> => {
    try {
      return { items: await read(call), source: { service, status: 'ok', problem: null } }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      if (isAbsent(error)) return { items: [] }
      return { items: [], source: { service, status: 'error', problem: toProblem(error) }, error }
    }
  }

  return {
    async list (call) {
      const reads = await Promise.all(
        Object.entries(readers).map(([service, read]) => readService(service, read, call))
      )
      const sources = reads.flatMap(({ source }) => source ?? [])
      const failed = reads.find(({ error }) => error !== undefined)
      if (failed?.error !== undefined && sources.every(({ status }) => status === 'error')) {
        throw failed.error
      }
      return Object.assign(reads.flatMap(({ items }) => items), { sources })
    }
  }
}

/** The quotas of one service. Without `source`, the service does not exist or does not show its quotas. */
interface ServiceQuotas {
  items: Quota[]
  source?: QuotaSource
  error?: ProblemError
}

const isAbsent = (error: unknown) =>
  error instanceof ProblemError &&
  (error.code === 'not_supported' || error.code === 'resource_not_found')

/** Returns no quotas for a service that does not exist or does not show them. Throws any other error again. */
export function leaveOut (error: unknown): Quota[] {
  if (isAbsent(error)) return []
  throw error
}
