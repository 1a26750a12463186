import { ProblemError, type VolumeType } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../../driver.ts'
import { cinder, readOne, readPage } from './cinder.ts'
import type { Client } from '../client/client.ts'

/** A volume type as Cinder tells it. */
export interface CinderType {
  id: string
  name?: string
  description?: string | null
}

/** A volume type of Cinder. `standard` is the id of the default one: null where there is none, undefined where that is not known. */
export function toVolumeType (type: CinderType, standard: string | null | undefined, identity: Identity, extra: boolean): VolumeType {
  return {
    ...identity,
    name: type.name ?? null,
    state: 'available',
    provider_state: null,
    created_at: null,
    updated_at: null,
    tags: {},
    description: type.description || null,
    is_default: standard === undefined ? null : type.id === standard,
    ...(extra ? { extra: { ...type } } : {})
  }
}

/** Volume types that the account can see. */
export function createVolumeTypes (client: Client, identify: (id: string) => Identity): ReadService<VolumeType> {
  const readStandard = async (call: Call) => {
    try {
      return (await readOne<CinderType>(client, cinder.type, 'default', call)).id
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return error.code === 'resource_not_found' ? null : undefined
    }
  }

  return {
    async list ({ limit, token, extra }: ListQuery, call: Call): Promise<ListResult<VolumeType>> {
      const page = readPage<CinderType>(client, cinder.type, { limit }, token, call)
      const [{ items, next }, standard] = await Promise.all([page, readStandard(call)])
      return { items: items.map((type) => toVolumeType(type, standard, identify(type.id), extra)), next, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      const [type, standard] = await Promise.all([readOne<CinderType>(client, cinder.type, id, call), readStandard(call)])
      return toVolumeType(type, standard, identify(type.id), extra)
    }
  }
}
