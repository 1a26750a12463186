import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import { encodeId, type Client } from '../client/client.ts'
import { readFrom } from '../client/paging.ts'
import { resources } from '../client/resources.ts'

/** A flavor as Nova tells it below version 2.55. */
export interface Flavor {
  id: string
  name?: string
  vcpus?: number
  ram?: number
  disk?: number
  /** MiB; "" for none. */
  swap?: number | ''
  'OS-FLV-EXT-DATA:ephemeral'?: number
  'OS-FLV-DISABLED:disabled'?: boolean
}

/** A flavor as a size. Nova tells neither prices nor processors; GPUs are in extra specs, which each cloud names itself. */
export function toSize (flavor: Flavor, identity: Identity, extra: boolean): Size {
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name: flavor.name ?? null,
    state: flavor['OS-FLV-DISABLED:disabled'] === true ? 'unavailable' : 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    vcpus: flavor.vcpus ?? null,
    ram: flavor.ram ?? null,
    disk: flavor.disk ?? null,
    ephemeral_disk: flavor['OS-FLV-EXT-DATA:ephemeral'] ?? null,
    swap: flavor.swap === '' ? 0 : flavor.swap ?? null,
    architecture: [],
    gpus: [],
    price: null,
    ...(extra ? { extra: { ...flavor } } : {})
  }
}

/** Flavors of Nova that the account can see. */
export function createSizes (client: Client, identify: (id: string) => Identity): ReadService<Size> {
  return {
    async list ({ limit, token, extra }: ListQuery, call: Call): Promise<ListResult<Size>> {
      const { items, next } = await readFrom(token, (marker) =>
        client.list<Flavor>({ service: 'compute' }, call, (access, region, headers) =>
          resources.flavorDetail.list(access, region, { limit, ...marker }, headers)))
      return { items: items.map((flavor) => toSize(flavor, identify(flavor.id), extra)), next, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const flavor = await client.show<Flavor>({ service: 'compute' }, call, (token, region, headers) =>
        resources.flavor.show(token, region, encodeId(id), {}, headers))
      return toSize(flavor, identify(flavor.id), extra)
    }
  }
}
