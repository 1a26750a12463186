import type { Volume, VolumeCreate, VolumeUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, Filters, Identity, ListQuery, ListResult, LostCreate, ReadOptions, ResourceRef, VolumeService } from '../../driver.ts'
import { cinder, cinderV3, findMade, readOne, readPage, type Dialect } from './cinder.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { surrogate } from '../client/filters.ts'
import { createRetag } from '../client/metadata.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags, operationKey } from '../../tags.ts'
import { cinderTags } from '../client/tags.ts'
import { createVolumeActions } from './volume-actions.ts'
import { toVolume, type CinderVolume } from './volume-mapping.ts'
import { explainFields, explainVolume, updateFields, volumeFields } from './volume-refusals.ts'

const upstream = { service: 'volume' } as const

export const volumeFilters = ['name', 'state', 'availability_zone']

/** Cinder compares exactly. Of the states only `in-use` stands for all of one. */
export function pushDown ({ name, state, availability_zone: zone }: Filters, dialect: Dialect = cinderV3) {
  const query: Record<string, unknown> = {}
  const only = (values: readonly string[] | undefined) => values?.length === 1 ? values[0]! : ''
  if (only(name) !== '' && !only(name).includes('*') && !surrogate.test(only(name))) query[dialect.name] = only(name)
  if (dialect.filtered && only(state) === 'in_use') query.status = 'in-use'
  if (dialect.filtered && only(zone) !== '' && !only(zone).includes('*')) query.availability_zone = only(zone)
  const names: Readonly<Record<string, string>> = { status: 'state', display_name: 'name' }
  return { query, applied: Object.keys(query).map((key) => names[key] ?? key) }
}

/** Volumes of Cinder, of the version whose `dialect` is given. */
export function createVolumes (client: Client, identify: (id: string) => Identity, dialect: Dialect = cinderV3): VolumeService {
  const read = (id: string, call: Call) => readOne<CinderVolume>(client, cinder.volume, id, call)
  const retag = createRetag(client, 'volume', cinder.volumeMetadata)

  const get = async (id: string, { extra }: ReadOptions, call: Call) => toVolume(await read(id, call), identify(id), extra)

  const rename = (id: string, name: string, call: Call) => client.change(upstream, call, (token, region, headers) =>
    cinder.volume.update(token, region, encodeId(id), { [dialect.name]: name }, {}, headers))

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Volume>> {
      const { query, applied } = pushDown(filters, dialect)
      const { items, next } = await readPage<CinderVolume>(client, cinder.volumeDetail, { ...query, limit }, token, call, dialect)
      return { items: items.map((volume) => toVolume(volume, identify(volume.id), extra)), next, applied }
    },

    get,

    async create (input: VolumeCreate, call: Call): Promise<Change> {
      checkTags(input.tags ?? {}, cinderTags)
      try {
        const answer = await client.change(upstream, call, (token, region, headers) =>
          cinder.volume.create(token, region, toBody(input, call.operation, dialect), {}, headers))
        const { id } = (answer ?? {}) as { id?: unknown }
        if (typeof id !== 'string') throw malformed('volume', false)
        return { resources: [{ kind: 'volume', id }], until: { states: ['available'] } }
      } catch (error) {
        throw explainFields(error, volumeFields)
      }
    },

    /** Cinder filters by metadata where its administrator lets it; otherwise it lists all, of which these are chosen. */
    findCreated: ({ id }: LostCreate<VolumeCreate>, _since: Date, call: Call): Promise<ResourceRef[]> =>
      findMade(client, cinder.volumeDetail, dialect.filtered ? { metadata: JSON.stringify({ [operationKey]: id }) } : {},
        { operation: id, kind: 'volume' }, call, dialect),

    async update (id: string, { name, tags }: VolumeUpdate, call: Call): Promise<Volume> {
      checkTags(tags ?? {}, cinderTags)
      const steps = [...step('name', name, (value) => rename(id, value, call)), ...step('tags', tags, (value) => retag(id, value, call))]
      return runSteps(steps, () => get(id, { extra: false }, call), async (error) => explainFields(error, updateFields))
    },

    async destroy (id: string, call: Call): Promise<Change> {
      try {
        await client.change(upstream, call, (token, region, headers) =>
          cinder.volume.del(token, region, encodeId(id), undefined, {}, headers))
        return { resources: [{ kind: 'volume', id }], until: { states: [], gone: true } }
      } catch (error) {
        throw await explainVolume(error, [], (again) => read(id, again), call)
      }
    },

    ...createVolumeActions(client, read)
  }
}

const toBody = (input: VolumeCreate, operation: string | undefined, dialect: Dialect) => ({
  ...(input.name === undefined ? {} : { [dialect.name]: input.name }),
  ...(input.size === undefined ? {} : { size: input.size }),
  ...(input.type === undefined ? {} : { volume_type: input.type }),
  ...(input.snapshot_id === undefined ? {} : { snapshot_id: input.snapshot_id }),
  ...(input.image_id === undefined ? {} : { imageRef: input.image_id }),
  ...(input.availability_zone === undefined ? {} : { availability_zone: input.availability_zone }),
  metadata: { ...input.tags, ...(operation === undefined ? {} : { [operationKey]: operation }) }
})
