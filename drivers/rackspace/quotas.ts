import { defres, type Read } from 'openstack-client'
import type { Quota } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { QuotaService } from '../driver.ts'
import { fromLimits, leaveOut, novaLimits, novaRows, toQuota, type Client, type Limits, type Row } from '../openstack/public.ts'

/** Of Cloud Block Storage: its limits are told with what is used of them. */
const volumeQuotas = defres<{ read: Read<[tenant: string]> }>('volume', '/os-quota-sets/:id', 'quota_set', { only: [], read: ['get', '', 'quota_set'] })

const rows: readonly Row[] = [...novaRows, ['networks', 'maxTotalPrivateNetworks', 'totalPrivateNetworksUsed'], ['key_pairs', 'maxTotalKeypairs', '']]

const volumes: ReadonlyArray<readonly [resource: string, name: string, unit?: Quota['unit']]> = [
  ['volumes', 'volumes'],
  ['volume_storage', 'gigabytes', 'GiB'],
  ['volume_storage_sata', 'gigabytes_SATA', 'GiB'],
  ['volume_storage_ssd', 'gigabytes_SSD', 'GiB'],
  ['snapshots', 'snapshots']
]

type Usage = Record<string, { limit?: unknown, in_use?: unknown } | undefined>

/**
 * Limits of Nova (`/limits`) and quotas of Cinder (`os-quota-sets` with `usage`). What a service does not tell is left
 * out; -1 is no limit.
 */
export function createQuotas (client: Client): QuotaService {
  const readNova = async (call: Call) => fromLimits(await client.show<Limits>({ service: 'compute' }, call, (token, region, headers) =>
    novaLimits.read(token, region, {}, headers)), rows)

  const readCinder = async (call: Call) => {
    const tenant = await client.project(call)
    if (tenant === undefined) return []
    const usage = await client.show<Usage>({ service: 'volume' }, call, (token, region, headers) =>
      volumeQuotas.read(token, region, tenant, { usage: 'True' }, headers))
    return volumes.flatMap(([resource, name, unit]) => toQuota(resource, usage[name]?.limit, usage[name]?.in_use, unit))
  }

  return { list: async (call) => (await Promise.all([readNova, readCinder].map((read) => read(call).catch(leaveOut)))).flat() }
}
