import { ProblemError, type Location } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import type { Client } from '../client/client.ts'
import { resources } from '../client/resources.ts'

/** An availability zone as Nova tells it. */
export interface Zone {
  zoneName: string
  zoneState?: { available?: boolean }
}

const bare = { created_at: null, updated_at: null, provider_state: null, tags: {} }

/** Keystone says no more of a region than its id. */
const toRegion = (id: string, identity: Identity, extra: boolean): Location => ({
  ...identity, ...bare, name: id, state: 'available', kind: 'region', parent: null, available: true, ...(extra ? { extra: {} } : {})
})

export function toZone (zone: Zone, parent: string | null, identity: Identity, extra: boolean): Location {
  const available = zone.zoneState?.available ?? null
  return {
    ...identity,
    ...bare,
    name: zone.zoneName,
    state: available === null ? 'unknown' : available ? 'available' : 'unavailable',
    kind: 'zone',
    parent,
    available,
    ...(extra ? { extra: { ...zone } } : {})
  }
}

export interface LocationsOptions {
  client: Client
  identify: (id: string) => Identity
  /** Known once a call was made. */
  region: () => string | null
}

/** The region of the cloud and Nova's availability zones in it; both have names only, which are their ids. */
export function createLocations ({ client, identify, region }: LocationsOptions): ReadService<Location> {
  const readAll = async (extra: boolean, call: Call) => {
    const { items: zones } = await client.list<Zone>({ service: 'compute' }, call, (token, _region, headers) =>
      resources.availabilityZone.list(token, null, {}, headers))
    const id = region()
    return [
      ...(id === null ? [] : [toRegion(id, identify(id), extra)]),
      ...zones.map((zone) => toZone(zone, id, identify(zone.zoneName), extra))
    ]
  }

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
