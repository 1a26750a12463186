import type { Filter } from '@aws-sdk/client-ec2'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ReadService } from '../../driver.ts'
import { runSteps } from '../../steps.ts'
import type { Cloud } from './cloud.ts'
import { createRecentIds } from './consistency.ts'
import { findById, toFilters, toPage, toPageParameters, type FilterRules, type PageSizes } from './lists.ts'
import { checkEc2Tags, labelSteps } from './tags.ts'

/** A request for one of the cloud's lists: a page of the resources that match the filters, or those with the ids. */
export interface ListRequest {
  Filters?: Filter[]
  MaxResults?: number
  NextToken?: string
  ids?: string[]
}

export interface ListResponse<Raw> {
  items: Raw[] | undefined
  token?: string
}

export interface CollectionOptions<Raw, T> {
  cloud: Cloud
  /** Name of one resource, in words. */
  itemName: string
  idOf (raw: Raw): string | undefined
  send (request: ListRequest, call: Call): Promise<ListResponse<Raw>>
  /** Undefined if the action has no pages. */
  pageSizes?: PageSizes
  filterRules: FilterRules
  /** Maps a whole page, so that related resources are read once for all of it. */
  map (raws: readonly Raw[], extra: boolean, call: Call): Promise<T[]>
}

/** Lists and reads the resources of one kind. `recent` keeps the ids of new ones. */
export function createCollection<Raw, T> (
  { cloud, itemName, idOf, send, pageSizes, filterRules, map }: CollectionOptions<Raw, T>
) {
  const recent = createRecentIds()

  const readPage = async (request: ListRequest, call: Call) => {
    const { items, token } = await send(request, call)
    return toPage(items, token, `${itemName}s`)
  }

  /** Reads a resource in the cloud's own form. Throws resource_not_found. */
  const find = (id: string, call: Call): Promise<Raw> => recent.read(id, call, async () => {
    const { items } = await readPage({ ids: [id] }, call)
    const found = findById(items, id, idOf)
    if (found === undefined) throw new ProblemError('resource_not_found', `There is no ${itemName} ${id}`)
    return found
  })

  const service: ReadService<T> = {
    async list ({ limit, token, filters, extra }, call) {
      const page = pageSizes === undefined ? {} : toPageParameters(cloud, { limit, token }, pageSizes)
      const { items, next } = await readPage({ Filters: toFilters(filters, filterRules), ...page }, call)
      return { items: await map(items, extra, call), next: next ?? null }
    },

    async get (id, { extra }, call) {
      const [item] = await map([await find(id, call)], extra, call)
      return item!
    }
  }

  return { service, find, recent }
}

interface LabelPatch {
  name?: string
  tags?: Record<string, string | null>
}

type Collection<Raw, T> = Pick<ReturnType<typeof createCollection<Raw, T>>, 'find' | 'service'>

/** The update of resources of which only name and tags can be changed. */
export function createLabelUpdate<Raw, T> (cloud: Cloud, { find, service }: Collection<Raw, T>) {
  return async (id: string, { name, tags }: LabelPatch, call: Call): Promise<T> => {
    checkEc2Tags(tags)
    // Setting tags of a missing resource would be retried, because the resource could be new.
    await find(id, call)
    const steps = labelSteps(cloud, id, { name, tags }, call)
    return runSteps(steps, () => service.get(id, { extra: false }, call), async (error) => error)
  }
}
