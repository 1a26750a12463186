import type { Collection } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters, Identity, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import type { TagPatch } from '../client/metadata.ts'
import { neutronFilters, type Neutron, type NeutronObject } from './neutron.ts'
import { explainNeutron } from './refusals.ts'
import { checkTagList, patchTagList } from '../client/list-tags.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { runSteps, step } from '../../steps.ts'
import { fromTagList } from '../client/tags.ts'

interface Pushed {
  query: Record<string, unknown>
  applied: string[]
}

/** What of one kind of resource is its own. */
export interface Kind<Raw extends NeutronObject, T, Create extends object> {
  neutron: Neutron
  resource: Collection
  /** Its name in paths. */
  path: string
  identify: (id: string) => Identity
  /** Whether they have no names: then there is no filter of that name either. */
  unnamed?: boolean
  /** A page at a time, since what one item needs of other resources is read for all at once. */
  map (raws: readonly Raw[], extra: boolean, call: Call): Promise<T[]>
  /** Filters beside those that all have; null where nothing can match. */
  filter? (filters: Filters, call: Call): Promise<Pushed | null>
  /** The body of a create. */
  body (input: Create, call: Call): Promise<object> | object
  /** Fields that the words of a refusal may name. */
  fields: readonly FieldRefusal[]
}

/** What all resources have, from one of Neutron's. Empty texts are none. */
export const common = (raw: NeutronObject, identity: Identity) => ({
  id: identity.id,
  cloud: identity.cloud,
  driver: identity.driver,
  location: identity.location,
  self: identity.self,
  name: raw.name || null,
  provider_state: raw.status ?? null,
  created_at: raw.created_at ?? null,
  updated_at: raw.updated_at ?? null,
  tags: fromTagList(raw.tags)
})

interface Tagged {
  tags?: Record<string, string>
}

const nothing: Pushed = { query: {}, applied: [] }

/** The list, reads, creation and deletion of one kind of resource of Neutron. */
export function createCollection<Raw extends NeutronObject, T, Create extends Tagged> (kind: Kind<Raw, T, Create>) {
  const { neutron, resource, path, map, fields } = kind

  const one = async (raw: Raw, extra: boolean, call: Call) => (await map([raw], extra, call))[0]!

  /** Tags take a call of their own: where that fails, what was just made is removed again. */
  const tagged = async (raw: Raw, tags: string[], call: Call): Promise<Raw> => {
    if (tags.length === 0) return raw
    try {
      await neutron.retag(path, raw.id, tags, call)
      return { ...raw, tags }
    } catch (error) {
      throw await withdraw(explainNeutron(error, tagFields), raw.id, call)
    }
  }

  const withdraw = async (error: unknown, id: string, call: Call) => {
    if (!(error instanceof ProblemError)) return error
    try {
      await neutron.remove(resource, id, call)
      return new ProblemError(error.code, error.message, { ...error.details, cause: error })
    } catch {
      return new ProblemError(error.code, `${error.message} (${id} was made, without tags, and could not be removed)`,
        { ...error.details, outcomeUnknown: error.outcomeUnknown, cause: error })
    }
  }

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<T>> {
      const { name, ...unnamed } = filters
      const common = neutronFilters(kind.unnamed === true || name === undefined ? unnamed : { ...unnamed, name })
      const own = kind.filter === undefined ? nothing : await kind.filter(filters, call)
      if (own === null) return { items: [], next: null, applied: common.applied }
      const { items, next } = await neutron.page<Raw>(resource, { ...common.query, ...own.query, limit }, token, call)
      return { items: await map(items, extra, call), next, applied: [...common.applied, ...own.applied] }
    },

    async get (id: string, { extra }: ReadOptions, call: Call): Promise<T> {
      return one(await neutron.show<Raw>(resource, id, call), extra, call)
    },

    async create (input: Create, call: Call): Promise<T> {
      checkTagList(input.tags)
      const body = await kind.body(input, call)
      const made = await explained(() => neutron.create<Raw>(resource, body, call), fields)
      return one(await tagged(made, patchTagList([], input.tags ?? {}), call), false, call)
    },

    destroy: (id: string, call: Call) => explained(() => neutron.remove(resource, id, call), [])
  }
}

const tagFields: readonly FieldRefusal[] = [{ pattern: /maximum length|tag/i, pointer: '/tags' }]

/** Runs a call, whose refusal is told in the words of the catalogue. */
export async function explained<T> (run: () => Promise<T>, fields: readonly FieldRefusal[]): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw explainNeutron(error, fields)
  }
}

interface Patched<T, Patch extends { tags?: TagPatch }> {
  neutron: Neutron
  resource: Collection
  path: string
  get: (id: string, options: ReadOptions, call: Call) => Promise<T>
  /** The body of the change, without tags. */
  body (patch: Omit<Patch, 'tags'>): object
  fields: readonly FieldRefusal[]
}

/** Changes of one kind of resource of Neutron: one call for its fields, one for its tags. */
export function createUpdate<T, Patch extends { tags?: TagPatch }> ({ neutron, resource, path, get, body, fields }: Patched<T, Patch>) {
  /** The whole list is read and written, so a writer in between may lose. */
  const retag = async (id: string, patch: TagPatch, call: Call) => {
    const { tags = [] } = await neutron.show(resource, id, call)
    await neutron.retag(path, id, patchTagList(tags, patch), call)
  }

  return async (id: string, patch: Patch, call: Call): Promise<T> => {
    const { tags, ...rest } = patch
    checkTagList(tags)
    const words = Object.keys(rest).join(', ')
    return runSteps([
      ...step(words, body(rest), (fields) => neutron.update(resource, id, fields, call)),
      ...step('tags', tags, (value) => retag(id, value, call))
    ], () => get(id, { extra: false }, call), async (error) => explainNeutron(error, [...fields, ...tagFields]))
  }
}
