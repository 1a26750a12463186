import type { VolumeType } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { Identity, ListQuery, ListResult, ReadOptions, ReadService } from '../driver.ts'
import { cinder, cinderV1, readOne, readPage, toVolumeType, type CinderType, type Client } from '../openstack/public.ts'

/** A volume type of Cinder v1, whose ids are numbers. */
interface NumberedType extends Omit<CinderType, 'id'> {
  id: number | string
}

/** What a volume is of that names no type, by Rackspace's guide. */
const standard = 'SATA'

const named = (raw: NumberedType): CinderType => ({ ...raw, id: String(raw.id) })

/** Volume types of Cloud Block Storage: SATA and SSD. */
export function createVolumeTypes (client: Client, identify: (id: string) => Identity): ReadService<VolumeType> {
  const map = (raw: NumberedType, extra: boolean): VolumeType => {
    const type = named(raw)
    const { extra: _, ...told } = toVolumeType(type, type.name === standard ? type.id : null, identify(type.id), false)
    return { ...told, ...(extra ? { extra: { ...raw } } : {}) }
  }
  return {
    async list ({ limit, token, extra }: ListQuery, call: Call): Promise<ListResult<VolumeType>> {
      const { items, next } = await readPage<CinderType>(client, cinder.type, { limit }, token, call, cinderV1)
      return { items: items.map((type) => map(type, extra)), next, applied: [] }
    },
    async get (id: string, { extra }: ReadOptions, call: Call) {
      return map(await readOne<NumberedType>(client, cinder.type, id, call), extra)
    }
  }
}
