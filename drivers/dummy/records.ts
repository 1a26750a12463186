import { ProblemError } from '../../openapi/model/index.ts'
import type { Context, ListQuery, ReadOptions, ServiceName } from '../driver.ts'
import type { Collection, Entry, Stored } from './collection.ts'
import { pageOf } from './page.ts'
import { hexOf } from './random.ts'
import type { State } from './state.ts'
import type { Store } from './store.ts'

export const iso = (ms: number) => new Date(ms).toISOString()

/** Makes model objects of entries. One that did not change is the same object each time, so nobody may change it. */
export function createViewOf<T extends Stored, V extends object> (make: (data: T) => V) {
  return (entry: Entry<T>, extra = false): V => {
    const view = (entry.view ??= make(entry.data)) as V
    if (!extra) return view
    const { operation, ...raw } = entry.data
    return { ...view, extra: raw }
  }
}

/** The fields that the resources of every kind have. */
export function commonOf (
  { identify }: Context, service: ServiceName, location: string,
  data: Stored & { created_at: number, name?: string | null, tags?: Record<string, string> }
) {
  return {
    ...identify(service, data.id, location),
    name: data.name ?? null,
    provider_state: null,
    created_at: iso(data.created_at),
    updated_at: iso(data.updated_at),
    tags: data.tags ?? {}
  }
}

/** An id that nothing in this collection has: the prefix and eight hexadecimal digits. */
export function newId ({ has }: { has (id: string): boolean }, prefix: string) {
  for (;;) {
    const id = `${prefix}-${hexOf(Math.random)}`
    if (!has(id)) return id
  }
}

/** How to read a collection: `kind` is what one of them is called in messages. */
export function createReadsOf<T extends Stored, V extends object> (
  { open }: State, kind: string, of: (store: Store) => Collection<T>, pageSize: number, make: (data: T) => V
) {
  const view = createViewOf(make)
  const find = (store: Store, id: string) => {
    const entry = of(store).find(id)
    if (entry === undefined) throw new ProblemError('resource_not_found', `There is no ${kind} ${id}`)
    return entry
  }
  return {
    view,
    /** The entry of this id. Throws resource_not_found. */
    find,
    reads: {
      list: async (query: ListQuery) => pageOf(of(await open()), query, pageSize, view),
      get: async (id: string, { extra }: ReadOptions) => view(find(await open(), id), extra)
    }
  }
}
