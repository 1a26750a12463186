import { ProblemError, type Location } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ReadService } from '../../driver.ts'
import { bind } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** An availability zone of Nova. */
export interface Zone {
  zoneName: string
  zoneState?: { available?: boolean }
}

const common = { created_at: null, updated_at: null, provider_state: null, tags: {} }

/** Makes the location of a region, of which Keystone knows only the id. */
const toRegion = (id: string, identity: Identity, extra: boolean): Location => ({
  ...common,
  name: id,
  state: 'available',
  kind: 'region',
  parent: null,
  available: true,
  extra: extra ? {} : undefined,
  ...identity
})

/** Converts an availability zone of the region `parent`. */
export function toZone (
  zone: Zone,
  parent: string | null,
  identity: Identity,
  extra: boolean
): Location {
  const available = zone.zoneState?.available ?? null
  return {
    ...common,
    name: zone.zoneName,
    state: available === null ? 'unknown' : available ? 'available' : 'unavailable',
    kind: 'zone',
    parent,
    available,
    extra: extra ? { ...zone } : undefined,
    ...identity
  }
}

export interface LocationsOptions {
  client: Client
  identify: (id: string) => Identity
  /** Returns the region; null until a call was made. */
  region: () => string | null
}

/** The region of the cloud and its availability zones in Nova. Their names are their ids. */
export function createLocations (
  { client, identify, region }: LocationsOptions
): ReadService<Location> {
  const availabilityZones = bind<Zone>(client, resources.availabilityZone, {
    service: 'compute',
    key: 'zoneName'
  })

  const readAll = async (extra: boolean, call: Call): Promise<Location[]> => {
    const { items } = await availabilityZones.list({}, call)
    const parent = region()
    const zones = items.map((zone) => toZone(zone, parent, identify(zone.zoneName), extra))
    return parent === null ? zones : [toRegion(parent, identify(parent), extra), ...zones]
  }

  return {
    list: async ({ extra }, call) => ({ items: await readAll(extra, call), next: null }),
    async get (id, { extra }, call) {
      const location = (await readAll(extra, call)).find((one) => one.id === id)
      if (location === undefined) {
        throw new ProblemError('resource_not_found', `There is no location ${id}`)
      }
      return location
    }
  }
}
