import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError, type Operation } from '../../openapi/model/index.ts'
import { fingerprint, readCursor, writeCursor } from '../lists/cursor.ts'
import { createEngine, type Engine, type Started } from './engine.ts'
import { createRows, isEnded, toOperation, type OperationQuery } from './rows.ts'

declare module 'fastify' {
  interface FastifyInstance {
    operations: Operations
  }
}

export interface OperationAnswer {
  status: 200 | 202
  headers: Record<string, string>
  body: Operation
}

export type OperationPageQuery = Omit<OperationQuery, 'after'> & { cursor?: string | undefined }

export interface Operations extends Pick<Engine, 'start' | 'done' | 'running'> {
  /** Throws resource_not_found. Holds the answer for so many seconds while it has not ended. */
  get (id: string, waitSeconds?: number, caller?: AbortSignal): Promise<Operation>
  /** Newest first. Throws invalid_request for a cursor of another query. */
  page (query: OperationPageQuery): Promise<{ items: Operation[], next_cursor: string | null, total: null }>
  /** What a request that started or joined an operation is answered with, after `Prefer: wait`. */
  answer (started: Started, request: FastifyRequest): Promise<OperationAnswer>
}

/** Longest that an answer is held, in seconds: proxies on the way give up at a minute or two. */
export const longestWait = 60

/** `Prefer: wait=30` (RFC 7240) as seconds; other preferences are not ours. */
export function parsePrefer (header: string | string[] | undefined): number | undefined {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec([header ?? ''].flat().join(','))?.[1]
  return wait === undefined ? undefined : Math.min(Number(wait), longestWait)
}

export function sendAnswer (reply: FastifyReply, { status, headers, body }: OperationAnswer) {
  return reply.code(status).headers(headers).send(body) as never
}

/** Changes that take their time: kept in the store, watched until they end, taken up again at start. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const rows = createRows(fastify.store)
  const engine = createEngine({ farm: fastify.farm, rows, settings, log: fastify.log })

  const get: Operations['get'] = async (id, waitSeconds = 0, caller) => {
    await engine.wait(id, waitSeconds * 1000, caller)
    const row = await engine.get(id)
    if (row === undefined) throw new ProblemError('resource_not_found', `There is no operation ${id}`)
    return toOperation(row)
  }

  fastify.decorate('operations', {
    start: engine.start,
    done: engine.done,
    running: engine.running,
    get,
    async page ({ limit, cursor, ...query }) {
      const bound = fingerprint('operations', query)
      const walk = cursor === undefined ? undefined : await readCursor(cursor, bound, fastify.store)
      const after = walk?.after === undefined ? {} : { after: String(walk.after[0]) }
      // One more than asked for tells whether there is a next page.
      const found = await rows.list({ ...query, ...after, limit: limit + 1 })
      const items = found.slice(0, limit).map(toOperation)
      const last = found.length > limit ? items.at(-1) : undefined
      const next = last === undefined ? null : await writeCursor({ query: bound, after: [last.id] }, fastify.store)
      return { items, next_cursor: next, total: null }
    },
    async answer ({ row, secrets }, request) {
      const wait = parsePrefer(request.headers.prefer)
      if (wait !== undefined) await engine.wait(row.id, wait * 1000, request.signal)
      const operation = toOperation(row)
      return {
        status: isEnded(row) ? 200 : 202,
        headers: {
          location: operation.self,
          ...(isEnded(row) ? {} : { 'retry-after': '1' }),
          ...(wait === undefined ? {} : { 'preference-applied': `wait=${wait}` })
        },
        body: secrets === undefined ? operation : { ...operation, secrets }
      }
    }
  } satisfies Operations)

  fastify.addHook('onReady', () => engine.resume())
  fastify.addHook('preClose', async () => { engine.stop() })
  fastify.addHook('onClose', () => engine.stop())
}, { name: 'operations', dependencies: ['clouds', 'store'] })
