import { ProblemError, type Quota } from '../../openapi/model/index.ts'
import { sizes } from './catalog.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

type Name = keyof Settings['quotas']
type Amounts = { [name in Name]?: number }

/** What there are quotas of, as they are listed. */
const units: Record<Name, Quota['unit']> = {
  nodes: 'count',
  vcpus: 'count',
  ram: 'MiB',
  networks: 'count',
  floating_ips: 'count',
  volumes: 'count',
  volume_storage: 'GiB',
  snapshots: 'count'
}
const names = Object.keys(units) as Name[]

/** How much of everything the account has. */
const used = ({ usage, networks, floating_ips: ips, volumes, snapshots }: Store): Record<Name, number> => ({
  ...usage,
  // One that leads outside belongs to the cloud.
  networks: networks.entries.filter(({ data }) => !data.external).length,
  floating_ips: ips.entries.length,
  volumes: volumes.entries.length,
  volume_storage: volumes.entries.reduce((sum, { data }) => sum + data.size, 0),
  snapshots: snapshots.entries.length
})

/** What so many nodes of `sizeId` take, or what one of `present` takes beyond what it has already. */
export function demandOf (sizeId: string, count = 1, present?: string): Amounts {
  const wanted = sizes.get(sizeId)
  const had = present === undefined ? undefined : sizes.get(present)
  return {
    nodes: present === undefined ? count : 0,
    vcpus: count * ((wanted?.vcpus ?? 0) - (had?.vcpus ?? 0)),
    ram: count * ((wanted?.ram ?? 0) - (had?.ram ?? 0))
  }
}

/** Throws provider_quota_exceeded where what is needed would be more than the quotas allow. */
export function checkQuotas (quotas: Settings['quotas'], store: Store, needed: Amounts) {
  const limited = names.filter((name) => (needed[name] ?? 0) > 0 && quotas[name] !== undefined)
  if (limited.length === 0) return
  const present = used(store)
  const exceeded = limited.filter((name) => present[name] + needed[name]! > quotas[name]!)
  if (exceeded.length === 0) return
  const told = exceeded.map((name) => `${name}: ${present[name]} of ${quotas[name]} used, ${needed[name]} more asked for`)
  throw new ProblemError('provider_quota_exceeded', `Quota exceeded (${told.join('; ')})`)
}

/** All quotas and what is used of them. */
export function quotasOf (quotas: Settings['quotas'], store: Store): Quota[] {
  const present = used(store)
  return names.map((name) => ({ resource: name, limit: quotas[name] ?? null, used: present[name], unit: units[name] }))
}
