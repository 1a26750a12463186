import type { Snapshot, SnapshotCreate, SnapshotUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, Filters, Identity, ListQuery, ListResult, LostCreate, ReadOptions, SnapshotService } from '../../driver.ts'
import { cinder, cinderV3, findMade, readOne, readPage, type Dialect } from './cinder.ts'
import { encodeId, malformed, type Client } from '../client/client.ts'
import { surrogate } from '../client/filters.ts'
import { createRetag } from '../client/metadata.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags, operationKey, toTags } from '../../tags.ts'
import { cinderTags } from '../client/tags.ts'
import { toTimestamp } from '../client/times.ts'
import { withoutOperation } from './volume-mapping.ts'
import { explainFields, explainSnapshot, updateFields } from './volume-refusals.ts'
import { snapshotState } from './volume-states.ts'

/** A snapshot as Cinder tells it at version 3.0, or 1. */
export interface CinderSnapshot {
  id: string
  name?: string | null
  description?: string | null
  /** What version 1 calls them. */
  display_name?: string | null
  display_description?: string | null
  status: string
  volume_id?: string | null
  size?: number
  created_at?: string | null
  updated_at?: string | null
  metadata?: Record<string, string>
  /** `42%`. */
  'os-extended-snapshot-attributes:progress'?: string | null
}

const upstream = { service: 'volume' } as const
const createFields = [
  { said: /^volume .* could not be found|volume_id/i, pointer: '/volume_id' },
  { said: /metadata/i, pointer: '/tags' },
  { said: /attribute name|: name has/i, pointer: '/name' }
]

export const snapshotFilters = ['name', 'volume_id']

function pushDown ({ name, volume_id: volume }: Filters, dialect: Dialect) {
  const query: Record<string, unknown> = {}
  const [wanted = ''] = name?.length === 1 ? name : []
  if (wanted !== '' && !wanted.includes('*') && !surrogate.test(wanted)) query[dialect.name] = wanted
  if (dialect.filtered && volume?.length === 1 && !volume[0]!.includes('*')) query.volume_id = volume[0]
  return { query, applied: Object.keys(query).map((key) => key === dialect.name ? 'name' : key) }
}

/** A snapshot of Cinder as a snapshot. */
export function toSnapshot (snapshot: CinderSnapshot, identity: Identity, extra: boolean): Snapshot {
  const progress = parseInt(snapshot['os-extended-snapshot-attributes:progress'] ?? '', 10)
  return {
    ...identity,
    name: snapshot.name || snapshot.display_name || null,
    state: snapshotState(snapshot.status),
    provider_state: snapshot.status,
    created_at: toTimestamp(snapshot.created_at),
    updated_at: toTimestamp(snapshot.updated_at),
    tags: toTags(snapshot.metadata),
    volume_id: snapshot.volume_id ?? null,
    size: snapshot.size ?? null,
    progress: Number.isNaN(progress) ? null : progress,
    description: snapshot.description || snapshot.display_description || null,
    ...(extra ? { extra: withoutOperation(snapshot) } : {})
  }
}

/** Snapshots of Cinder, of the version whose `dialect` is given. */
export function createSnapshots (client: Client, identify: (id: string) => Identity, dialect: Dialect = cinderV3): SnapshotService {
  const read = (id: string, call: Call) => readOne<CinderSnapshot>(client, cinder.snapshot, id, call)
  const retag = createRetag(client, 'volume', cinder.snapshotMetadata)

  const get = async (id: string, { extra }: ReadOptions, call: Call) => toSnapshot(await read(id, call), identify(id), extra)

  const rename = (id: string, name: string, call: Call) => client.change(upstream, call, (token, region, headers) =>
    cinder.snapshot.update(token, region, encodeId(id), { [dialect.name]: name }, {}, headers))

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Snapshot>> {
      const { query, applied } = pushDown(filters, dialect)
      const { items, next } = await readPage<CinderSnapshot>(client, cinder.snapshotDetail, { ...query, limit }, token, call, dialect)
      return { items: items.map((snapshot) => toSnapshot(snapshot, identify(snapshot.id), extra)), next, applied }
    },

    get,

    async create (input: SnapshotCreate, call: Call): Promise<Change> {
      checkTags(input.tags ?? {}, cinderTags)
      try {
        const answer = await client.change(upstream, call, (token, region, headers) =>
          cinder.snapshot.create(token, region, toBody(input, call.operation, dialect), {}, headers))
        const { id } = (answer ?? {}) as { id?: unknown }
        if (typeof id !== 'string') throw malformed('volume', false)
        return { resources: [{ kind: 'snapshot', id }], until: { states: ['available'] } }
      } catch (error) {
        throw await explainSnapshot(error, createFields, () => readOne(client, cinder.volume, input.volume_id, call))
      }
    },

    /** A snapshot's metadata is no filter before version 3.22; its volume is. */
    findCreated: ({ id, input }: LostCreate<SnapshotCreate>, _since: Date, call: Call) =>
      findMade(client, cinder.snapshotDetail, dialect.filtered ? { volume_id: input.volume_id } : {},
        { operation: id, kind: 'snapshot' }, call, dialect),

    async update (id: string, { name, tags }: SnapshotUpdate, call: Call): Promise<Snapshot> {
      checkTags(tags ?? {}, cinderTags)
      const steps = [...step('name', name, (value) => rename(id, value, call)), ...step('tags', tags, (value) => retag(id, value, call))]
      return runSteps(steps, () => get(id, { extra: false }, call), async (error) => explainFields(error, updateFields))
    },

    async destroy (id: string, call: Call): Promise<Change> {
      try {
        await client.change(upstream, call, (token, region, headers) =>
          cinder.snapshot.del(token, region, encodeId(id), undefined, {}, headers))
        return { resources: [{ kind: 'snapshot', id }], until: { states: [], gone: true } }
      } catch (error) {
        throw await explainSnapshot(error, [], () => read(id, call))
      }
    }
  }
}

const toBody = (input: SnapshotCreate, operation: string | undefined, dialect: Dialect) => ({
  volume_id: input.volume_id,
  // Without it Cinder refuses a volume that is attached.
  force: true,
  ...(input.name === undefined ? {} : { [dialect.name]: input.name }),
  ...(input.description === undefined ? {} : { [dialect.description]: input.description }),
  metadata: { ...input.tags, ...(operation === undefined ? {} : { [operationKey]: operation }) }
})
