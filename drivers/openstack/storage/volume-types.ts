import { ProblemError, type VolumeType } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type Identity, type ReadService } from '../../driver.ts'
import { bind } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { cinder } from './cinder.ts'

export const capabilities = describe<ReadService<VolumeType>>({ list: { limits: { limit: 1000 } } })

/** A volume type of Cinder. Its id is a number in version 1. */
export interface CinderType {
  id: string | number
  name?: string
  description?: string | null
}

/** Converts a volume type of Cinder. `isDefault` is null if the default type is not known. */
export function toVolumeType (
  type: CinderType,
  isDefault: boolean | null,
  identity: Identity,
  extra: boolean
): VolumeType {
  return {
    name: type.name ?? null,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    description: type.description || null,
    is_default: isDefault,
    extra: extra ? { ...type } : undefined,
    ...identity
  }
}

/** Volume types that the account can see. */
export function createVolumeTypes (
  client: Client,
  identify: (id: string) => Identity
): ReadService<VolumeType> {
  const types = bind<CinderType & { id: string }>(client, cinder.type, { service: 'volume' })

  /**
   * Reads the id of the default type: null if the cloud has none, undefined if it cannot be read.
   */
  const readDefault = async (call: Call) => {
    try {
      return (await types.show('default', call)).id
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return error.code === 'resource_not_found' ? null : undefined
    }
  }

  const convert = (
    type: CinderType & { id: string },
    defaultId: string | null | undefined,
    extra: boolean
  ) =>
    toVolumeType(
      type,
      defaultId === undefined ? null : type.id === defaultId,
      identify(type.id),
      extra
    )

  return {
    async list ({ limit, token, extra }, call) {
      const [{ items, next }, defaultId] = await Promise.all([
        types.page({ limit }, token, call),
        readDefault(call)
      ])
      return { items: items.map((type) => convert(type, defaultId, extra)), next }
    },
    async get (id, { extra }, call) {
      const [type, defaultId] = await Promise.all([types.show(id, call), readDefault(call)])
      return convert(type, defaultId, extra)
    }
  }
}
