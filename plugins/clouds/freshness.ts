import type { ServiceName } from '../../drivers/driver.ts'

/** Tells whether what was read of a cloud is older than a change that this server has made or seen. */
export interface Freshness {
  /** A number that grows when what a service shows may have changed. */
  versionOf(service: ServiceName): number
  /** Records a change to a service, which may also change what other services show. */
  touch(service: ServiceName): void
  /** Records that anything may have changed. */
  reset(): void
}

/** The services that no request can change. */
const catalog: ReadonlySet<ServiceName> = new Set([
  'sizes',
  'locations',
  'volume_types',
  'floating_ip_pools'
])

/** Whether a service shows what the cloud offers, which changes rarely. */
export const isCatalog = (service: ServiceName) =>
  catalog.has(service) || service === 'images' || service === 'quotas'

export function createFreshness (): Freshness {
  let resets = 0
  let imageChanges = 0
  let changes = 0
  return {
    versionOf (service) {
      if (catalog.has(service)) return resets
      return resets + (service === 'images' ? imageChanges : changes)
    },
    touch (service) {
      changes++
      if (service === 'images') imageChanges++
    },
    reset () {
      resets++
    }
  }
}
