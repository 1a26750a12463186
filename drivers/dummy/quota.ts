import { ProblemError } from '../../openapi/model/index.ts'
import { sizes } from './catalog.ts'
import type { Settings } from './settings.ts'
import type { Usage } from './store.ts'

const resources = ['nodes', 'vcpus', 'ram'] as const

/** What a node of `sizeId` takes, beyond what one of `present` has already. */
function demand (sizeId: string, present?: string): Usage {
  const wanted = sizes.get(sizeId)
  const had = present === undefined ? undefined : sizes.get(present)
  return {
    nodes: present === undefined ? 1 : 0,
    vcpus: (wanted?.vcpus ?? 0) - (had?.vcpus ?? 0),
    ram: (wanted?.ram ?? 0) - (had?.ram ?? 0)
  }
}

/**
 * Throws provider_quota_exceeded where a new node of this size, or one that is resized to it from `present`, would need
 * more than the quotas allow.
 */
export function checkQuotas (quotas: Settings['quotas'], usage: Readonly<Usage>, sizeId: string, present?: string) {
  const needed = demand(sizeId, present)
  const exceeded = resources.filter((resource) =>
    needed[resource] > 0 && usage[resource] + needed[resource] > (quotas[resource] ?? Infinity))
  if (exceeded.length === 0) return
  const told = exceeded.map((resource) => `${resource}: ${usage[resource]} of ${quotas[resource]} used, ${needed[resource]} more asked for`)
  throw new ProblemError('provider_quota_exceeded', `Quota exceeded (${told.join('; ')})`)
}
