import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServiceName } from '../../drivers/driver.ts'
import { ProblemError, type ListParameters, type Page } from '../../openapi/model/index.ts'
import type { FarmEntry } from '../clouds/farm.ts'
import { reader } from '../clouds/index.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor, type Place, type Walk } from './cursor.ts'
import { filtersOf, matcher } from './filters.ts'
import { readPage, type Read, type ReadInput } from './read.ts'
import { compareKeys, keysOf, parseSort, readWhole } from './sorted.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lists: Lists
  }
}

export interface Collection {
  service: ServiceName
  /** Properties of its model, by which `fields` and `sort` are checked. */
  properties: Readonly<Record<string, { type?: string | string[] }>>
}

export interface Lists {
  /** A page of one cloud: that cloud's error is the answer. */
  one (collection: Collection, cloud: string, request: FastifyRequest, reply: FastifyReply): Promise<Page<object>>
  /** A page over all clouds, or those of `?cloud=`: a cloud that fails is told in `sources`. */
  all (collection: Collection, request: FastifyRequest, reply: FastifyReply): Promise<Page<object>>
}

interface Asked extends ReadInput {
  query: ListParameters
  /** Binds the cursor. Made only where there is one. */
  bind (): string
  /** Whether one cloud's failure is the failure of the list. */
  single: boolean
}

interface Told {
  items: object[]
  reads: Read[]
  /** Where the walk goes on; null where it ends. */
  next: Omit<Walk, 'query'> | null
  total: number | null
}

const sortable = ({ properties }: Collection) => new Set(Object.entries(properties)
  .filter(([, { type }]) => [type].flat().some((one) => one === 'string' || one === 'integer' || one === 'number' || one === 'boolean'))
  .map(([name]) => name).concat('state'))

/** Lists over one cloud or many: paging, filters, sorting, and how each cloud answered. */
export default fp(async (fastify) => {
  const { farm, store } = fastify

  /** In the clouds' own order: each cloud still open is asked for a share, all at once. `alone`: there never was another. */
  const walkOn = async (asked: Asked, places: readonly Place[], alone: boolean): Promise<Told> => {
    const { limit } = asked.query
    // More clouds than items: the others have their turn on a later page.
    const now = places.slice(0, limit)
    const share = Math.ceil(limit / now.length)
    const reads = await Promise.all(now.map((place) => readPage(asked, place, share + place.skip)))
    failIfMust(asked, reads, places.length > now.length)

    const match = matcher(asked.filters)
    const next: Place[] = []
    const items: object[] = []
    let left = limit
    reads.forEach((read, i) => {
      const { cloud, token, skip } = now[i]!
      const fresh = skip === 0 ? read.items : read.items.slice(skip)
      const taken = fresh.length > left || fresh.length > share ? fresh.slice(0, Math.min(left, share)) : fresh
      const matching = match === undefined ? taken : taken.filter(match)
      items.push(...matching)
      left -= taken.length
      read.source.count = matching.length
      if (taken.length < fresh.length) next.push({ cloud, token, skip: skip + taken.length })
      else if (read.next !== null) next.push({ cloud, token: read.next, skip: 0 })
    })
    next.push(...places.slice(limit))
    const [only] = reads
    const total = alone && match === undefined ? only?.total ?? null : null
    return { items, reads, next: next.length === 0 ? null : { places: next }, total }
  }

  const sorted = async (asked: Asked, clouds: readonly string[], collection: Collection, after: Walk['after']): Promise<Told> => {
    const sort = parseSort(asked.query.sort!, sortable(collection))
    const reads = await Promise.all(clouds.map((cloud) => readWhole(asked, cloud)))
    failIfMust(asked, reads, false)
    const match = matcher(asked.filters)
    const keyed = reads.flatMap(({ items }) => items)
      .filter((item) => match === undefined || match(item))
      .map((item) => ({ item, keys: keysOf(item, sort) }))
      .sort((a, b) => compareKeys(a.keys, b.keys, sort))
    const from = after === undefined ? 0 : firstAfter(keyed, (keys) => compareKeys(keys, after as typeof keys, sort) > 0)
    const page = keyed.slice(from, from + asked.query.limit)
    for (const { source } of reads) source.count = page.filter(({ item }) => (item as { cloud: string }).cloud === source.cloud).length
    const last = from + page.length < keyed.length ? page.at(-1) : undefined
    // One that failed would come back with half of its items.
    const places = reads.filter(({ error }) => error === undefined).map(({ cloud }) => begin(cloud))
    return {
      items: page.map(({ item }) => item),
      reads,
      next: last === undefined ? null : { after: [...last.keys], places },
      total: reads.every(({ source }) => source.status === 'ok') ? keyed.length : null
    }
  }

  const page = async (collection: Collection, clouds: readonly string[], single: boolean, request: FastifyRequest, reply: FastifyReply) => {
    const query = request.query as ListParameters
    const pick = picker(query, collection)
    const filters = filtersOf(query)
    const asked: Asked = {
      farm,
      service: collection.service,
      from: reader(request),
      filters,
      extra: query.include?.includes('extra') ?? false,
      query,
      bind: () => fingerprint(collection.service, single ? clouds : query.cloud ?? null, filters, query.sort ?? null),
      single
    }
    const walk = query.cursor === undefined ? undefined : await readCursor(query.cursor, asked.bind(), store)
    // What was written here names no other; it must not become a way to a cloud that the path does not name.
    if (single && walk?.places?.some(({ cloud }) => cloud !== clouds[0])) throw foreignCursor()
    const told = query.sort !== undefined
      ? await sorted(asked, walk?.places?.map(({ cloud }) => cloud) ?? clouds, collection, walk?.after)
      : await walkOn(asked, walk?.places ?? clouds.map(begin), clouds.length === 1)

    const cursor = told.next === null ? null : await writeCursor({ query: asked.bind(), ...told.next }, store)
    if (cursor !== null) reply.header('link', `<${withCursor(request.url, cursor)}>; rel="next"`)
    return {
      items: pick === undefined ? told.items : told.items.map(pick),
      next_cursor: cursor,
      total: told.total,
      sources: told.reads.map(({ source }) => source)
    }
  }

  fastify.decorate('lists', {
    one: (collection, cloud, request, reply) => page(collection, [cloud], true, request, reply),
    async all (collection, request, reply) {
      const wanted = (request.query as ListParameters).cloud
      for (const name of wanted ?? []) farm.entry(name)
      const isAsked = ({ settings: { name }, connection }: FarmEntry) =>
        wanted === undefined ? connection?.[collection.service] !== undefined : wanted.includes(name)
      const clouds = farm.entries.filter(isAsked).map(({ settings: { name } }) => name)
      return page(collection, clouds, false, request, reply)
    }
  } satisfies Lists)
}, { name: 'lists', dependencies: ['clouds', 'store'] })

const begin = (cloud: string): Place => ({ cloud, token: null, skip: 0 })

/**
 * Throws where a failed cloud is the failure of the list. A walk that has begun goes on without a cloud that fails, and
 * so does one that has `more` clouds to ask.
 */
function failIfMust ({ single, query }: Asked, reads: readonly Read[], more: boolean) {
  const errors = reads.flatMap(({ error }) => error ?? [])
  if (errors.length === 0) return
  const [first] = errors
  if (first !== undefined && (single || !query.partial)) throw first
  const shuttingDown = errors.find(({ code }) => code === 'shutting_down')
  if (shuttingDown !== undefined) throw shuttingDown
  if (errors.length < reads.length || more || query.cursor !== undefined) return
  const told = reads.map(({ cloud, error }) => `${cloud}: ${error!.code}`).join(', ')
  const allLate = errors.every(({ code }) => code === 'provider_timeout')
  throw new ProblemError(allLate ? 'provider_timeout' : 'provider_error', `No cloud answered (${told})`, {
    hint: 'Ask one cloud alone to see its problem.'
  })
}

/** The first of a sorted list that the test holds for. */
function firstAfter<T> (sorted: readonly { keys: T }[], test: (keys: T) => boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (test(sorted[middle]!.keys)) high = middle
    else low = middle + 1
  }
  return low
}

/** Reduces an item to the fields asked for; undefined where all are. Throws validation_failed for a field there is not. */
function picker ({ fields }: ListParameters, { properties }: Collection): ((item: object) => object) | undefined {
  if (fields === undefined) return undefined
  const errors = fields.flatMap((field, i) => Object.hasOwn(properties, field) ? [] : [{ in: 'query' as const, pointer: `/fields/${i}`, message: `must be one of ${Object.keys(properties).join(', ')}` }])
  if (errors.length > 0) throw new ProblemError('validation_failed', 'There is no such field', { errors })
  return (item) => Object.fromEntries(fields.flatMap((field) => field in item ? [[field, (item as Record<string, unknown>)[field]]] : []))
}

function withCursor (url: string, cursor: string) {
  const [path, search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  query.set('cursor', cursor)
  return `${path}?${query.toString()}`
}
