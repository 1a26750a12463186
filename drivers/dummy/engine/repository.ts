import { ProblemError, type ResourceKind } from '../../../openapi/model/index.ts'
import type { Change, ListQuery, ReadOptions, ServiceName, Until } from '../../driver.ts'
import type { BaseRecord, Collection, Entry } from './collection.ts'
import type { Engine } from './engine.ts'
import { pageOf } from './paging.ts'
import type { Store } from './store.ts'

export const toTimestamp = (ms: number) => new Date(ms).toISOString()

/** Returns the fields that the model objects of all services share. */
export function commonFieldsOf (
  { context: { identify }, settings: { location } }: Engine,
  service: ServiceName,
  data: BaseRecord & { name?: string | null, tags?: Record<string, string> }
) {
  return {
    ...identify(service, data.id, location),
    name: data.name ?? null,
    provider_state: null,
    created_at: toTimestamp(data.created_at),
    updated_at: toTimestamp(data.updated_at),
    tags: data.tags ?? {}
  }
}

/** Creates model objects and caches them until the record changes, so callers must not modify them. */
function createView<T extends BaseRecord, Model extends object> (toModel: (data: T) => Model) {
  return (entry: Entry<T>, extra = false): Model => {
    const view = (entry.view ??= toModel(entry.data)) as Model
    if (!extra) return view
    const { operation, ...raw } = entry.data
    return { ...view, extra: raw }
  }
}

/** An asynchronous change: its steps, or the fields that change at once, and its end. */
export interface AsyncChange<T extends BaseRecord> {
  steps?: T['steps']
  fields?: Partial<T>
  until: Until
}

export const untilGone: Until = { states: [], gone: true }
export const untilAccepted: Until = { states: [] }

/**
 * Creates the methods that the services of records share: each opens the store, finds the record (or throws
 * resource_not_found), and saves after a change. `noun` names a record in messages.
 */
export function createRepository<T extends BaseRecord, Model extends object> (
  { open, save, settings }: Engine,
  noun: string,
  collectionOf: (store: Store) => Collection<T>,
  toModel: (data: T) => Model
) {
  const view = createView(toModel)

  const find = (store: Store, id: string) => {
    const entry = collectionOf(store).find(id)
    if (entry === undefined) {
      throw new ProblemError('resource_not_found', `There is no ${noun} ${id}`)
    }
    return entry
  }

  const toRef = (id: string) => ({ kind: noun as ResourceKind, id })

  const accept = async (id: string, until: Until): Promise<Change> => {
    await save()
    return { resources: [toRef(id)], until }
  }

  return {
    view,
    find,
    reads: {
      list: async (query: ListQuery) =>
        pageOf(collectionOf(await open()), query, settings.page_size, view),
      get: async (id: string, { extra }: ReadOptions) => view(find(await open(), id), extra)
    },
    async create (create: (store: Store) => T): Promise<Model> {
      const store = await open()
      const entry = collectionOf(store).add(create(store))
      await save()
      return view(entry)
    },
    /** Sets the fields that `change` returns, if any. */
    async update (
      id: string,
      change: (data: T, store: Store, entry: Entry<T>) => Partial<T> | void
    ): Promise<Model> {
      const store = await open()
      const entry = find(store, id)
      const fields = change(entry.data, store, entry)
      if (fields) collectionOf(store).set(entry, fields)
      await save()
      return view(entry)
    },
    /** Removes a record after `release`, which throws if the record is in use. */
    async remove (
      id: string,
      release?: (data: T, store: Store, entry: Entry<T>) => void
    ): Promise<void> {
      const store = await open()
      const entry = find(store, id)
      release?.(entry.data, store, entry)
      collectionOf(store).remove(entry)
      await save()
    },
    /** Adds the record that `create` returns, whose steps lead to the state. */
    async createAsync (state: string, create: (store: Store) => T): Promise<Change> {
      const store = await open()
      const { data } = collectionOf(store).add(create(store))
      return accept(data.id, { states: [state] })
    },
    /** Starts the change that `change` returns. */
    async changeAsync (
      id: string,
      change: (data: T, store: Store) => AsyncChange<T>
    ): Promise<Change> {
      const store = await open()
      const entry = find(store, id)
      const { steps, fields, until } = change(entry.data, store)
      if (fields !== undefined) collectionOf(store).set(entry, fields)
      if (steps !== undefined) collectionOf(store).setSteps(entry, steps)
      return accept(id, until)
    },
    findCreated: async ({ id: operation }: { id: string }) =>
      collectionOf(await open()).createdBy(operation).map(toRef)
  }
}
