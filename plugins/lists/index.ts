import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServiceName } from '../../drivers/driver.ts'
import {
  partialType,
  type ListParameters,
  type Page,
  type Summary
} from '../../openapi/model/index.ts'
import type { Cloud } from '../clouds/cloud.ts'
import { readContext } from '../clouds/context.ts'
import { scopeOf, wantsFresh } from '../http/answers.ts'
import { firstPosition, readUntilFound, type ListRequest } from './cloud-order.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor } from './cursor.ts'
import { driverFilters, fieldsOf, filtersOf, matcher } from './filters.ts'
import { serialize } from './serialize.ts'
import { createSortedReader } from './sorted-pages.ts'
import { countNodes } from './summary.ts'

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

/** Lists over one cloud or many: paging, filters, sorting, and the status of each cloud. */
export default fp(async (fastify) => {
  const { assignments, store } = fastify
  const readSorted = createSortedReader()

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

function withCursor (url: string, cursor: string) {
  const [path, search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  query.set('cursor', cursor)
  return `${path}?${query.toString()}`
}
