import type { AvailabilityZone } from '@aws-sdk/client-ec2'
import { ProblemError, type Location } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import type { Zones } from './zones.ts'

const bare = { created_at: null, updated_at: null, tags: {} }

/** The cloud tells its zones only: the region is the one it was asked in. */
const toRegion = (id: string, identity: Identity, extra: boolean): Location => ({
  ...identity, ...bare, name: id, state: 'available', provider_state: null, kind: 'region', parent: null, available: true, ...(extra ? { extra: {} } : {})
})

/** An `impaired` or `constrained` zone may take a create or not: that is not known. */
const availability: Readonly<Record<string, boolean>> = { available: true, information: true, unavailable: false }

export function toZone (zone: AvailabilityZone, parent: string, identity: Identity, extra: boolean): Location {
  const available = availability[zone.State ?? ''] ?? null
  return {
    ...identity,
    ...bare,
    name: zone.ZoneName ?? null,
    state: available === null ? 'unknown' : available ? 'available' : 'unavailable',
    provider_state: zone.State ?? null,
    kind: 'zone',
    parent,
    available,
    ...(extra ? { extra: { ...zone } } : {})
  }
}

/** The region of the cloud and its availability zones, whose names are their ids. */
export function createLocations ({ location: region, identify: identifyIn }: Cloud, zones: Zones): ReadService<Location> {
  const identify = identifyIn('locations')

  const readAll = async (extra: boolean, call: Call) => [
    toRegion(region, identify(region), extra),
    ...(await zones.read(call)).map((zone) => toZone(zone, region, identify(zone.ZoneName ?? ''), extra))
  ]

  return {
    async list ({ extra }: ListQuery, call: Call): Promise<ListResult<Location>> {
      return { items: await readAll(extra, call), next: null, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const found = (await readAll(extra, call)).find((location) => location.id === id)
      if (found === undefined) throw new ProblemError('resource_not_found', `There is no location ${id}`)
      return found
    }
  }
}
