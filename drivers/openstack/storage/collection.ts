import type { Call } from '../../call.ts'
import { toChange, untilGone } from '../../common/changes.ts'
import type { Identity, LostCreate, SlowService } from '../../driver.ts'
import type { FilterRule } from '../../common/filters.ts'
import { readAll } from '../../common/pages.ts'
import { explaining, type FieldRefusal } from '../../common/refusals.ts'
import { runSteps, step } from '../../common/steps.ts'
import { checkTags, operationKey } from '../../common/tags.ts'
import { bind, explainMissing, type Query, type ResourceCalls } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { patchMetadata, type TagPatch } from '../client/metadata.ts'
import { createReadService } from '../client/read-service.ts'
import { cinderTags } from '../client/tags.ts'
import { createPageReader, type Dialect } from './cinder.ts'
import { updateFields } from './refusals.ts'

interface CinderObject {
  id: string
  metadata?: Record<string, string>
}

interface CreateInput {
  name?: string
  tags?: Record<string, string>
}

interface UpdateInput {
  name?: string
  tags?: TagPatch
}

export interface CollectionOptions<Raw, T, Create> {
  client: Client
  kind: 'volume' | 'snapshot'
  dialect: Dialect
  calls: ResourceCalls
  metadataCalls: ResourceCalls
  identify: (id: string) => Identity
  toResource: (raw: Raw, identity: Identity, extra: boolean) => T
  /** The filters that Cinder can apply. */
  filters: Readonly<Record<string, FilterRule>>
  /** Converts the input of a create, without name and tags. */
  toBody: (input: Create) => object
  createFields: readonly FieldRefusal[]
  /** Narrows the list that contains what a lost create has made. */
  toLostQuery: (lost: LostCreate<Create>) => Query
  /** Explains why the resource cannot be deleted. `read` reads it. */
  explain: (error: unknown, read: () => Promise<Raw>) => Promise<unknown>
}

/** Makes the service of volumes or snapshots, which Cinder treats alike. */
export function createCollection<Raw extends CinderObject, T, Create extends CreateInput> (
  options: CollectionOptions<Raw, T, Create>
) {
  const { client, kind, dialect } = options
  const resource = bind<Raw>(client, options.calls, { service: 'volume', explain: explainMissing })
  const page = createPageReader(resource, dialect)
  const metadata = bind<Record<string, string>>(client, options.metadataCalls, {
    service: 'volume',
    explain: explainMissing
  })

  const convert = (raw: Raw, extra: boolean) =>
    options.toResource(raw, options.identify(raw.id), extra)

  const service: Required<SlowService<T, Create, UpdateInput>> = {
    ...createReadService({ page, show: resource.show }, convert, options.filters),

    async create (input, call) {
      checkTags(input.tags, cinderTags)
      const body = {
        [dialect.name]: input.name,
        ...options.toBody(input),
        metadata: { ...input.tags, [operationKey]: call.operation }
      }
      const { id } = await resource.create(body, call, { fields: options.createFields })
      return toChange(kind, id, { states: ['available'] })
    },

    async findCreated (lost, _since, call) {
      const query = { ...options.toLostQuery(lost), limit: 1000 }
      const all = await readAll((token) => page(query, token, call))
      return all.filter((raw) => raw.metadata?.[operationKey] === lost.id).map(({ id }) => ({
        kind,
        id
      }))
    },

    async update (id, { name, tags }, call) {
      checkTags(tags, cinderTags)
      const refusals = { fields: updateFields }
      const steps = [
        ...step(
          'name',
          name,
          (value) => resource.update(id, { [dialect.name]: value }, call, refusals)
        ),
        ...step('tags', tags, (value) => patchMetadata(metadata, id, value, call, refusals))
      ]
      return runSteps(steps, () => service.get(id, { extra: false }, call))
    },

    async destroy (id, call) {
      const read = () => resource.show(id, call)
      await explaining(
        (error) => options.explain(error, read),
        () => resource.remove(id, call)
      )
      return toChange(kind, id, untilGone)
    }
  }

  return { ...service, read: (id: string, call: Call) => resource.show(id, call) }
}
