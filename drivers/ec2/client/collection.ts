import type { Filter } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import type { ReadService } from '../../driver.ts'
import type { ProviderPage } from '../../common/pages.ts'
import { runSteps } from '../../common/steps.ts'
import type { Cloud } from './cloud.ts'
import { createRecentIds, readUntilSettled } from './consistency.ts'
import { malformed, notFound } from './errors.ts'
import {
  findById,
  toFilters,
  toIdFilter,
  toPageParameters,
  type FilterRules,
  type PageSizes
} from './lists.ts'
import { labelOrRollBack } from './rollback.ts'
import { checkEc2Tags, labelSteps, type Labels } from './tags.ts'

/** A request for one of the cloud's lists: a page of the resources that match the filters, or those with the ids. */
export interface ListRequest {
  Filters?: Filter[]
  MaxResults?: number
  NextToken?: string
  ids?: string[]
}

export interface CollectionOptions<Raw, T> {
  cloud: Cloud
  /** Name of one resource, in words. */
  itemName: string
  /** Name of the field with the id. */
  idKey: keyof Raw
  /** Name of the cloud's filter on ids. Undefined if the list is not polled. */
  idFilter?: string
  read(request: ListRequest, call: Call): Promise<ProviderPage<Raw>>
  /** Undefined if the action has no pages. */
  pageSizes?: PageSizes
  filterRules: FilterRules
  /** Maps a whole page, so that related resources are read once for all of it. */
  map(raws: readonly Raw[], extra: boolean, call: Call): Promise<T[]>
}

/** Lists and reads the resources of one kind. `recent` keeps the ids of new ones. */
export function createCollection<Raw, T> (options: CollectionOptions<Raw, T>) {
  const { cloud, itemName, idKey, idFilter, read, pageSizes, filterRules, map } = options
  const recent = createRecentIds()

  /** Reads a resource in the cloud's own form. Throws resource_not_found. */
  const find = (id: string, call: Call): Promise<Raw> =>
    recent.read(id, call, async () => {
      const { items } = await read({ ids: [id] }, call)
      const found = findById(items, id, idKey)
      if (found === undefined) throw notFound(itemName, id)
      return found
    })

  const service: ReadService<T> = {
    async list ({ limit, token, filters, extra, ids }, call) {
      const page = pageSizes === undefined
        ? {}
        : toPageParameters(cloud, { limit, token }, pageSizes)
      const Filters = toFilters(
        filters,
        filterRules,
        idFilter === undefined ? [] : toIdFilter(idFilter, ids)
      )
      const { items, next = null } = await read({ Filters, ...page }, call)
      return { items: await map(items, extra, call), next }
    },

    async get (id, { extra }, call) {
      const [item] = await map([await find(id, call)], extra, call)
      return item!
    }
  }

  return { service, find, recent }
}

export interface DirectCollectionOptions<Raw, T> extends CollectionOptions<Raw, T> {
  remove(id: string, call: Call): Promise<unknown>
}

interface LabelPatch {
  name?: string
  tags?: Record<string, string | null>
}

/** Lists, reads, changes and deletes resources that the cloud creates and deletes at once. */
export function createDirectCollection<Raw, T extends { state: string }> (
  options: DirectCollectionOptions<Raw, T>
) {
  const { cloud, itemName, remove } = options
  const { service, find, recent } = createCollection(options)

  return {
    find,

    service: {
      ...service,

      async destroy (id: string, call: Call) {
        await remove(id, call)
        recent.remove(id)
      }
    },

    /** Records and labels a new resource. If labeling fails, the resource is deleted. */
    async register (id: string | undefined, labels: Labels, call: Call): Promise<string> {
      if (id === undefined) throw malformed(`The response of the cloud has no ${itemName}`, false)
      recent.add([id])
      await labelOrRollBack(cloud, id, labels, call, (rollbackCall) => remove(id, rollbackCall))
      return id
    },

    /** Reads a new resource, and waits while it is pending. */
    readNew (id: string, call: Call): Promise<T> {
      const read = () => service.get(id, { extra: false }, call)
      return readUntilSettled(call, read, ({ state }) => state === 'pending')
    },

    /** The update of resources of which only name and tags can be changed. */
    async update (id: string, { name, tags }: LabelPatch, call: Call): Promise<T> {
      checkEc2Tags(tags)
      // Setting tags of a missing resource would be retried, because the resource could be new.
      await find(id, call)
      const steps = labelSteps(cloud, id, { name, tags }, call)
      return runSteps(steps, () => service.get(id, { extra: false }, call))
    }
  }
}
