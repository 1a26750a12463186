import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters, Identity, ListQuery, ListResult, ReadOptions } from '../../driver.ts'
import { exactValue } from '../../common/filters.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { runSteps, step } from '../../common/steps.ts'
import type { Bound, Query } from '../client/bind.ts'
import type { TagPatch } from '../client/metadata.ts'
import { checkTagList, fromTagList, patchTagList, tagQuery } from '../client/tags.ts'
import { readPageById, type Neutron, type NeutronObject } from './neutron.ts'

type TagMap = Record<string, string>

/** Returns the origin of a resource. */
export type Identify = (id: string) => Identity

/** The fields that `createCollection` sets. */
type CommonField =
  | keyof Identity
  | 'name'
  | 'provider_state'
  | 'created_at'
  | 'updated_at'
  | 'tags'
  | 'extra'

/** One kind of resource of Neutron. `Related` is data of other resources, read for a whole page at once. */
export interface Kind<Raw extends NeutronObject, T, Create extends object, Related = undefined> {
  objects: Bound<Raw>
  /** Tags of this kind. */
  tags: Neutron['tags']
  identify: Identify
  /** False if the kind has no names; then no filter of names is sent. */
  hasNames?: boolean
  readRelated?(raws: readonly Raw[], call: Call): Promise<Related>
  /** Converts the fields that are particular to the kind. */
  toFields(raw: Raw, related: Related): Omit<T, CommonField>
  /** Translates the filters other than names and tags; returns null if nothing can match. */
  toQuery?(filters: Filters, call: Call): Query | null | Promise<Query | null>
  /** Makes the body of a create. */
  toBody(input: Create, call: Call): object | Promise<object>
  /** The fields that a refused create or update may name. */
  fields: readonly FieldRefusal[]
}

const tagFields: readonly FieldRefusal[] = [{ pattern: /maximum length|tag/i, pointer: '/tags' }]

/** Makes list, get, create and destroy of one kind of resource. */
export function createCollection<
  Raw extends NeutronObject,
  T,
  Create extends { tags?: TagMap },
  Related = undefined
> (kind: Kind<Raw, T, Create, Related>) {
  const { objects, tags, fields } = kind

  const toResources = async (raws: readonly Raw[], extra: boolean, call: Call) => {
    const related = await kind.readRelated?.(raws, call) as Related
    return raws.map((raw) =>
      ({
        ...kind.identify(raw.id),
        name: raw.name || null,
        provider_state: raw.status ?? null,
        created_at: raw.created_at ?? null,
        updated_at: raw.updated_at ?? null,
        tags: fromTagList(raw.tags),
        ...kind.toFields(raw, related),
        extra: extra ? { ...raw } : undefined
      }) as T
    )
  }

  const toResource = async (raw: Raw, extra: boolean, call: Call) =>
    (await toResources([raw], extra, call))[0]!

  /**
   * Sets the tags of a new object, which takes a call of its own. If that call fails, the object is
   * removed again.
   */
  const setTags = async (raw: Raw, list: string[], call: Call): Promise<Raw> => {
    if (list.length === 0) return raw
    try {
      await tags.update(raw.id, { tags: list }, call, { fields: tagFields })
      return { ...raw, tags: list }
    } catch (error) {
      throw await rollBack(error, raw.id, call)
    }
  }

  const rollBack = async (error: unknown, id: string, call: Call) => {
    if (!(error instanceof ProblemError)) return error
    try {
      await objects.remove(id, call)
      return error.with({ outcomeUnknown: false })
    } catch {
      return error.with({
        detail: `${error.message} (${id} was made, without tags, and could not be removed)`
      })
    }
  }

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<T>> {
      const query = await kind.toQuery?.(filters, call)
      if (query === null) return { items: [], next: null }
      const name = kind.hasNames === false ? undefined : exactValue(filters.name)
      const all = { name, ...tagQuery(filters.tag), ...query, limit }
      const { items, next } = await readPageById(objects, all, token, call)
      return { items: await toResources(items, extra, call), next }
    },

    async get (id: string, { extra }: ReadOptions, call: Call): Promise<T> {
      return toResource(await objects.show(id, call), extra, call)
    },

    async create (input: Create, call: Call): Promise<T> {
      checkTagList(input.tags)
      const raw = await objects.create(await kind.toBody(input, call), call, { fields })
      return toResource(await setTags(raw, patchTagList([], input.tags ?? {}), call), false, call)
    },

    destroy: (id: string, call: Call) => objects.remove(id, call)
  }
}

/** Makes the update of one kind of resource: one call for its fields, one for its tags. */
export function createUpdate<T, Patch extends { tags?: TagPatch }> (
  { objects, tags, fields }: Pick<Kind<NeutronObject, T, object>, 'objects' | 'tags' | 'fields'>,
  get: (id: string, options: ReadOptions, call: Call) => Promise<T>,
  toBody: (patch: Patch) => object
) {
  /** Reads and writes the whole list; a concurrent change by another client may get lost. */
  const patchTags = async (id: string, patch: TagPatch, call: Call) => {
    const { tags: list = [] } = await objects.show(id, call)
    const patched = patchTagList(list, patch)
    await tags.update(id, { tags: patched }, call, { fields: tagFields })
  }

  return async (id: string, { tags: tagPatch, ...patch }: Patch, call: Call): Promise<T> => {
    checkTagList(tagPatch)
    const update = () => objects.update(id, toBody(patch as Patch), call, { fields })
    const steps = [
      ...step(Object.keys(patch).join(', '), patch, update),
      ...step('tags', tagPatch, (value) => patchTags(id, value, call))
    ]
    return runSteps(steps, () => get(id, { extra: false }, call))
  }
}
