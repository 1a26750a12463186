import type { AvailabilityZone } from '@aws-sdk/client-ec2'
import type { Location } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ReadService } from '../../driver.ts'
import { notFound, readZones, type Cloud } from '../client/index.ts'

const emptyFields = { created_at: null, updated_at: null, tags: {} }

const toRegion = (id: string, identity: Identity, extra: boolean): Location => ({
  ...identity,
  ...emptyFields,
  name: id,
  state: 'available',
  provider_state: null,
  kind: 'region',
  parent: null,
  available: true,
  extra: extra ? {} : undefined
})

/** It is unknown whether an `impaired` or `constrained` zone accepts a create. */
const availability: Readonly<Record<string, boolean>> = {
  available: true,
  information: true,
  unavailable: false
}

function toZoneState (available: boolean | null) {
  if (available === null) return 'unknown'
  return available ? 'available' : 'unavailable'
}

export function toZone (
  zone: AvailabilityZone,
  region: string,
  identity: Identity,
  extra: boolean
): Location {
  const available = availability[zone.State ?? ''] ?? null
  return {
    ...identity,
    ...emptyFields,
    name: zone.ZoneName ?? null,
    state: toZoneState(available),
    provider_state: zone.State ?? null,
    kind: 'zone',
    parent: region,
    available,
    extra: extra ? { ...zone } : undefined
  }
}

/** The region of the cloud, which the cloud does not list, and its availability zones. Their names are their ids. */
export function createLocations (
  { client, location: region, identify: identifyIn }: Cloud
): ReadService<Location> {
  const identify = identifyIn('locations')

  const readLocations = async (extra: boolean, call: Call) => {
    const zones = await readZones(client, call)
    return [
      toRegion(region, identify(region), extra),
      ...zones.map((zone) => toZone(zone, region, identify(zone.ZoneName ?? ''), extra))
    ]
  }

  return {
    list: async ({ extra }, call) => ({ items: await readLocations(extra, call), next: null }),

    async get (id, { extra }, call) {
      const locations = await readLocations(extra, call)
      const found = locations.find((location) => location.id === id)
      if (found === undefined) throw notFound('location', id)
      return found
    }
  }
}
