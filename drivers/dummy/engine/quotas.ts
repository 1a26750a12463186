import { ProblemError, type Quota } from '../../../openapi/model/index.ts'
import type { QuotaService } from '../../driver.ts'
import { sizes } from './catalog.ts'
import type { Engine } from './engine.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

type QuotaName = keyof Settings['quotas']
type Amounts = { [Name in QuotaName]?: number }

/** The unit of each quota, in the order in which quotas are listed. */
const units: Record<QuotaName, Quota['unit']> = {
  nodes: 'count',
  vcpus: 'count',
  ram: 'MiB',
  networks: 'count',
  floating_ips: 'count',
  volumes: 'count',
  volume_storage: 'GiB',
  snapshots: 'count'
}
const names = Object.keys(units) as QuotaName[]

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

function usageOf (store: Store): Record<QuotaName, number> {
  const nodeSizes = store.nodes.entries.map(({ data }) => sizes.get(data.size_id))
  return {
    nodes: nodeSizes.length,
    vcpus: sum(nodeSizes.map((size) => size?.vcpus ?? 0)),
    ram: sum(nodeSizes.map((size) => size?.ram ?? 0)),
    // External networks belong to the cloud.
    networks: store.networks.entries.filter(({ data }) => !data.external).length,
    floating_ips: store.floating_ips.entries.length,
    volumes: store.volumes.entries.length,
    volume_storage: sum(store.volumes.entries.map(({ data }) => data.size)),
    snapshots: store.snapshots.entries.length
  }
}

/** Returns the amounts that nodes of a size need, or that a resize from `currentSize` needs in addition. */
export function demandOf (sizeId: string, count = 1, currentSize?: string): Amounts {
  const size = sizes.get(sizeId)
  const current = sizes.get(currentSize ?? '')
  return {
    nodes: currentSize === undefined ? count : 0,
    vcpus: count * ((size?.vcpus ?? 0) - (current?.vcpus ?? 0)),
    ram: count * ((size?.ram ?? 0) - (current?.ram ?? 0))
  }
}

/** Throws provider_quota_exceeded if the demand exceeds what the quotas leave. */
export function checkQuotas (quotas: Settings['quotas'], store: Store, demand: Amounts) {
  const limited = names.filter((name) => (demand[name] ?? 0) > 0 && quotas[name] !== undefined)
  if (limited.length === 0) return
  const usage = usageOf(store)
  const exceeded = limited.filter((name) => usage[name] + demand[name]! > quotas[name]!)
  if (exceeded.length === 0) return
  const reasons = exceeded.map((name) =>
    `${name}: ${usage[name]} of ${quotas[name]} used, ${demand[name]} more requested`
  )
  throw new ProblemError('provider_quota_exceeded', `Quota exceeded (${reasons.join('; ')})`)
}

export const createQuotas = ({ settings: { quotas }, open }: Engine): QuotaService => ({
  async list () {
    const usage = usageOf(await open())
    return names.map((name) => ({
      resource: name,
      limit: quotas[name] ?? null,
      used: usage[name],
      unit: units[name]
    }))
  }
})
