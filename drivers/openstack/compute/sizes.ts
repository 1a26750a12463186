import type { Size } from '../../../openapi/model/index.ts'
import type { Identity, ReadService } from '../../driver.ts'
import { bind } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { createReadService } from '../client/read-service.ts'
import { resources } from '../client/resources.ts'

/** A flavor of Nova below version 2.55. */
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

/**
 * Converts a flavor. Nova has neither prices nor processors. GPUs are in extra specs, which each
 * cloud names itself.
 */
export function toSize (flavor: Flavor, identity: Identity, extra: boolean): Size {
  return {
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
    swap: flavor.swap === '' ? 0 : (flavor.swap ?? null),
    architecture: [],
    gpus: [],
    price: null,
    extra: extra ? { ...flavor } : undefined,
    ...identity
  }
}

/** Flavors of Nova that the account can see. */
export function createSizes (
  client: Client,
  identify: (id: string) => Identity
): ReadService<Size> {
  const flavors = bind<Flavor>(
    client,
    { list: resources.flavorDetail.list, show: resources.flavor.show },
    { service: 'compute' }
  )

  return createReadService(flavors, (flavor, extra) => toSize(flavor, identify(flavor.id), extra))
}
