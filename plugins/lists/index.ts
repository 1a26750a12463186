import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServiceName } from '../../drivers/driver.ts'
import { mapInTurns, sortInTurns } from '../../drivers/common/turns.ts'
import {
  partialType,
  type ListParameters,
  type Page,
  type Summary
} from '../../openapi/model/index.ts'
import type { Cloud } from '../clouds/cloud.ts'
import { readContext } from '../clouds/context.ts'
import { scopeOf, wantsFresh } from '../http/answers.ts'
import {
  fingerprint,
  foreignCursor,
  readCursor,
  writeCursor,
  type Position,
  type Walk
} from './cursor.ts'
import { throwIfFailed, type FailureRules } from './failures.ts'
import { driverFilters, fieldsOf, filtersOf, matcher } from './filters.ts'
import { readPage, type CloudPage, type PageRequest } from './read.ts'
import { serialize } from './serialize.ts'
import { countNodes } from './summary.ts'
import {
  compareKeys,
  createItemCount,
  createSortedLists,
  keysOf,
  parseSort,
  readAllPages,
  type Keys,
  type SortedList
} from './sorted.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lists: Lists
  }
}

export interface Collection {
  service: ServiceName
}

/** A page to send. A long one is JSON already. */
type PageAnswer = Page<object> | Buffer

export interface Lists {
  /** Lists one cloud. If the cloud fails, throws its error. */
  one(
    collection: Collection,
    cloud: string,
    request: FastifyRequest,
    reply: FastifyReply
  ): Promise<PageAnswer>
  /** Lists all clouds, or those of `?cloud=`. If a cloud fails, `sources` reports it. */
  all(collection: Collection, request: FastifyRequest, reply: FastifyReply): Promise<PageAnswer>
  /** Counts the nodes of all clouds, or of those of `?cloud=`, by state. If a cloud fails, `sources` reports it. */
  summarize(request: FastifyRequest): Promise<Summary>
}

interface ListRequest extends PageRequest, FailureRules {
  /** Identifies the caller, to whom a kept list belongs. */
  owner: string
  query: ListParameters
  /** The test that every item must pass; undefined without filters. */
  match: ReturnType<typeof matcher>
  /** Returns the fingerprint that binds the cursor. Called only if there is a cursor. */
  bind(): string
}

interface ListPage {
  items: object[]
  reads: CloudPage[]
  /** Where the walk continues; null at its end. */
  next: Omit<Walk, 'query'> | null
  total: number | null
}

/** Lists over one cloud or many: paging, filters, sorting, and the status of each cloud. */
export default fp(async (fastify) => {
  const { assignments, store } = fastify
  const sortedLists = createSortedLists()

  /** Reads a share of the page from each cloud, concurrently, in the clouds' own order. */
  const readInCloudOrder = async (
    request: ListRequest,
    positions: readonly Position[],
    isOnlyCloud: boolean
  ): Promise<ListPage> => {
    const { limit } = request.query
    // If there are more clouds than items on a page, the others follow on a later page.
    const now = positions.slice(0, limit)
    const share = Math.ceil(limit / now.length)
    const reads = await Promise.all(
      now.map((position) => readPage(request, position, share + position.skip))
    )
    throwIfFailed(request, reads, positions.length > now.length)

    const { match } = request
    const next: Position[] = []
    const items: object[] = []
    let left = limit
    reads.forEach((read, i) => {
      const { cloud, token, skip } = now[i]!
      const fresh = skip === 0 ? read.items : read.items.slice(skip)
      const taken = fresh.length > left || fresh.length > share
        ? fresh.slice(0, Math.min(left, share))
        : fresh
      const matching = match === undefined ? taken : taken.filter(match)
      items.push(...matching)
      left -= taken.length
      read.source.count = matching.length
      if (taken.length < fresh.length) next.push({ cloud, token, skip: skip + taken.length })
      else if (read.next !== null) next.push({ cloud, token: read.next, skip: 0 })
    })
    next.push(...positions.slice(limit))
    const total = isOnlyCloud && match === undefined ? reads[0]?.total ?? null : null
    return { items, reads, next: next.length === 0 ? null : { places: next }, total }
  }

  /**
   * Reads a page. If a sparse filter leaves nothing of it, reads on for up to a second, so that the caller does not get
   * a row of empty pages. If a later read fails, the empty page is the answer, and its cursor leads to the failure.
   */
  const readUntilFound = async (
    request: ListRequest,
    positions: readonly Position[],
    isOnlyCloud: boolean
  ): Promise<ListPage> => {
    const end = performance.now() + readOnMs
    let page = await readInCloudOrder(request, positions, isOnlyCloud)
    while (page.items.length === 0 && page.next?.places !== undefined && performance.now() < end) {
      const later = await readInCloudOrder(request, page.next.places, isOnlyCloud).catch(() =>
        undefined
      )
      if (later === undefined) break
      page = { ...later, reads: mergeReads(page.reads, later.reads) }
    }
    return page
  }

  /** Reads the clouds whole and sorts all items. */
  const sortAll = async (request: ListRequest, clouds: readonly string[]) => {
    const sort = parseSort(request.query.sort!)
    const count = createItemCount()
    const reads = await Promise.all(clouds.map((cloud) => readAllPages(request, cloud, count)))
    throwIfFailed(request, reads, false)
    const { match } = request
    const items = reads.flatMap((read) => read.items).filter((item) =>
      match === undefined || match(item)
    )
    const keyed = await mapInTurns(items, (item) => ({ item, keys: keysOf(item, sort) }))
    return { keyed: await sortInTurns(keyed, (a, b) => compareKeys(a.keys, b.keys, sort)), reads }
  }

  /**
   * Returns a page of a sorted list after the last item of the page before. The list keeps its order until the walk
   * ends, unless one of its clouds is changed; then the clouds are read again.
   */
  const readSorted = async (
    request: ListRequest,
    clouds: readonly string[],
    { after, list: id }: Pick<Walk, 'after' | 'list'> = {}
  ): Promise<ListPage> => {
    const sort = parseSort(request.query.sort!)
    const known = sortedLists.find(id, request.owner)
    const { keyed, reads } = known ?? await sortAll(request, clouds)
    const isAfter = (keys: Keys) => compareKeys(keys, after as Keys, sort) > 0
    const from = after === undefined ? 0 : findFirst(keyed, isAfter)
    const page = keyed.slice(from, from + request.query.limit)
    const last = from + page.length < keyed.length ? page.at(-1) : undefined
    // A cloud that failed on this page would appear on the next one without its first items.
    const answered = reads.filter(({ error }) => error === undefined)
    const keep = () =>
      sortedLists.keep({
        keyed,
        owner: request.owner,
        reads: answered.map((read) => ({ ...read, items: [] }))
      })
    return {
      items: page.map(({ item }) => item),
      reads: countByCloud(reads, page),
      next: last === undefined
        ? null
        : {
            after: [...last.keys],
            places: answered.map(({ cloud }) => firstPosition(cloud)),
            list: known === undefined ? keep() : id
          },
      total: reads.every(({ source }) => source.status === 'ok') ? keyed.length : null
    }
  }

  const readList = async (
    collection: Collection,
    clouds: readonly string[],
    single: boolean,
    request: FastifyRequest,
    reply: FastifyReply
  ) => {
    const query = request.query as ListParameters
    const filters = filtersOf(query)
    const { service } = collection
    const listRequest: ListRequest = {
      farm: fastify.farm.seenBy(request.caller),
      service,
      context: readContext(request),
      until: query.timeout === undefined ? Infinity : performance.now() + query.timeout * 1000,
      filters: driverFilters(filters),
      match: matcher(filters),
      show: service === 'nodes'
        ? (cloud, nodes) => assignments.show(cloud, nodes, request.caller)
        : undefined,
      extra: query.include?.includes('extra') ?? false,
      needs: query.fields && [...query.fields, ...fieldsOf(filters), ...query.sort ?? []],
      fresh: wantsFresh(request),
      owner: `${request.caller.identity} ${scopeOf(request.caller)}`,
      query,
      bind: () =>
        fingerprint(service, single ? clouds : query.cloud ?? null, filters, query.sort ?? null),
      single,
      partial: query.partial,
      isLaterPage: query.cursor !== undefined
    }
    const kept = { store, owner: request.caller.identity }
    const walk = query.cursor === undefined
      ? undefined
      : await readCursor(query.cursor, listRequest.bind(), kept)
    // A forged cursor must not lead to a cloud that the path does not name.
    if (single && walk?.places?.some(({ cloud }) => cloud !== clouds[0])) throw foreignCursor()
    const page = query.sort !== undefined
      ? await readSorted(listRequest, walk?.places?.map(({ cloud }) => cloud) ?? clouds, walk)
      : await readUntilFound(
        listRequest,
        walk?.places ?? clouds.map(firstPosition),
        clouds.length === 1
      )

    const cursor = page.next === null
      ? null
      : await writeCursor({ query: listRequest.bind(), ...page.next }, kept)
    if (query.fields !== undefined) reply.type(partialType)
    // The assignment of a node looks different to each caller, and changes with time.
    const isPersonal = (cloud: string) =>
      service === 'nodes' && assignments.registry.onCloud(cloud) !== undefined
    fastify.answers.allow(
      request,
      reply,
      page.reads.map(({ cloud, answer }) => isPersonal(cloud) ? undefined : answer)
    )
    if (cursor !== null) reply.header('link', `<${withCursor(request.url, cursor)}>; rel="next"`)
    return serialize({
      items: page.items,
      next_cursor: cursor,
      total: page.total,
      sources: page.reads.map(({ source }) => source)
    }, query.fields, reply)
  }

  /** Returns the names of the clouds of a list over all clouds. Throws cloud_not_found. */
  const cloudsOf = (service: ServiceName, request: FastifyRequest) => {
    const names = (request.query as { cloud?: string[] }).cloud
    const farm = fastify.farm.seenBy(request.caller)
    for (const name of names ?? []) farm.get(name)
    const isWanted = ({ name, connection, failure }: Cloud) =>
      names === undefined
        ? failure !== undefined || connection?.[service] !== undefined
        : names.includes(name)
    return farm.clouds.filter(isWanted).map(({ name }) => name)
  }

  fastify.decorate(
    'lists',
    {
      one: (collection, cloud, request, reply) =>
        readList(collection, [cloud], true, request, reply),
      all: async (collection, request, reply) =>
        readList(collection, cloudsOf(collection.service, request), false, request, reply),
      async summarize (request) {
        const { timeout, partial } = request.query as { timeout: number, partial: boolean }
        return countNodes(cloudsOf('nodes', request), {
          single: false,
          partial,
          isLaterPage: false
        }, {
          farm: fastify.farm.seenBy(request.caller),
          service: 'nodes',
          context: readContext(request),
          until: performance.now() + timeout * 1000,
          filters: {},
          extra: false,
          needs: ['state'],
          fresh: wantsFresh(request)
        })
      }
    } satisfies Lists
  )
}, { name: 'lists', dependencies: ['answers', 'assignments', 'clouds', 'store'] })

/** Milliseconds during which a list reads on instead of answering an empty page. */
const readOnMs = 1000

/** Sets the number of items of each cloud on a page. */
function countByCloud (reads: readonly CloudPage[], page: SortedList['keyed']): CloudPage[] {
  const counts = new Map<string, number>()
  for (const { item } of page) {
    const { cloud } = item as { cloud: string }
    counts.set(cloud, (counts.get(cloud) ?? 0) + 1)
  }
  return reads.map((read) => ({
    ...read,
    source: { ...read.source, count: counts.get(read.cloud) ?? 0 }
  }))
}

/** Joins the reads of two pages by cloud. The later read of a cloud has its present status. */
function mergeReads (earlier: readonly CloudPage[], later: readonly CloudPage[]): CloudPage[] {
  const reads = new Map(earlier.map((read) => [read.cloud, read]))
  for (const read of later) {
    const { elapsed_ms: before = 0 } = reads.get(read.cloud)?.source ?? {}
    reads.set(read.cloud, {
      ...read,
      source: { ...read.source, elapsed_ms: before + read.source.elapsed_ms }
    })
  }
  return [...reads.values()]
}

const firstPosition = (cloud: string): Position => ({ cloud, token: null, skip: 0 })

/** Returns the index of the first item of a sorted list that passes the test. */
function findFirst<T> (sorted: readonly { keys: T }[], test: (keys: T) => boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (test(sorted[middle]!.keys)) high = middle
    else low = middle + 1
  }
  return low
}

function withCursor (url: string, cursor: string) {
  const [path, search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  query.set('cursor', cursor)
  return `${path}?${query.toString()}`
}
