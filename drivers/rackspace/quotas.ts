import { defres } from 'openstack-client'
import type { Quota } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { QuotaService } from '../driver.ts'
import {
  bind,
  fromLimits,
  leaveOut,
  novaLimits,
  novaRows,
  toQuota,
  type Client,
  type Limits,
  type Row
} from '../openstack/public.ts'

/** Quotas of Cloud Block Storage, with their usage. */
const volumeQuotas = defres('volume', '/os-quota-sets/:id', 'quota_set', {
  only: [],
  read: ['get', '', 'quota_set']
})

const rows: readonly Row[] = [
  ...novaRows,
  ['networks', 'maxTotalPrivateNetworks', 'totalPrivateNetworksUsed'],
  ['key_pairs', 'maxTotalKeypairs', '']
]

const volumes: ReadonlyArray<readonly [resource: string, name: string, unit?: Quota['unit']]> = [
  ['volumes', 'volumes'],
  ['volume_storage', 'gigabytes', 'GiB'],
  ['volume_storage_sata', 'gigabytes_SATA', 'GiB'],
  ['volume_storage_ssd', 'gigabytes_SSD', 'GiB'],
  ['snapshots', 'snapshots']
]

type Usage = Record<string, { limit?: unknown, in_use?: unknown } | undefined>

/**
 * Limits of Nova (`/limits`) and quotas of Cinder (`os-quota-sets` with `usage`). Quotas that a
 * service does not publish are omitted; -1 is no limit.
 */
export function createQuotas (client: Client): QuotaService {
  const nova = bind(client, {}, { service: 'compute' })
  const cinder = bind(client, {}, { service: 'volume' })

  const readNova = async (call: Call) =>
    fromLimits(await nova.read<Limits>(novaLimits.read, call), rows)

  const readCinder = async (call: Call) => {
    const tenant = await client.project(call)
    if (tenant === undefined) return []
    const usage = await cinder.of(tenant).read<Usage>(volumeQuotas.read, call, { usage: 'True' })
    return volumes.flatMap(([resource, name, unit]) =>
      toQuota(resource, usage[name]?.limit, usage[name]?.in_use, unit)
    )
  }

  return {
    list: async (call) =>
      (await Promise.all([readNova, readCinder].map((read) => read(call).catch(leaveOut)))).flat()
  }
}
