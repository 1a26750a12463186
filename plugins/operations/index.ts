import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError, type Operation } from '../../openapi/model/index.ts'
import { forbidStorage, hasSecrets } from '../http/caching.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor, type Walk } from '../lists/cursor.ts'
import { durationBuckets } from '../metrics/index.ts'
import { createEngine, type Engine } from './engine.ts'
import { createRows, isEnded, toOperation, type OperationQuery, type OperationRow } from './rows.ts'
import type { StartedOperation } from './start.ts'

declare module 'fastify' {
  interface FastifyInstance {
    operations: Operations
  }
  interface FastifyReply {
    /** Answers with an operation: 202 while it runs, 200 when it ended within the time of `Prefer: wait`. */
    operation (started: StartedOperation): Promise<never>
  }
}

export interface OperationAnswer {
  status: 200 | 202
  headers: Record<string, string>
  body: Operation
}

export type OperationPageQuery = Omit<OperationQuery, 'after'> & { cursor?: string }

export interface Operations extends Pick<Engine, 'start' | 'succeed' | 'join' | 'report' | 'underWay'> {
  /** Throws resource_not_found. Waits at most `waitSeconds` for the end of the operation. */
  get (id: string, waitSeconds?: number, caller?: AbortSignal): Promise<Operation>
  /** Newest first. Throws invalid_request for a cursor of another query. */
  page (query: OperationPageQuery): Promise<{ items: Operation[], next_cursor: string | null, total: null }>
  /** The answer to a request that started or joined an operation, after `Prefer: wait`. */
  answer (started: StartedOperation, request: FastifyRequest): Promise<OperationAnswer>
}

/** Reads the position in a cursor. Throws invalid_request for one of an earlier version, which has only an id. */
function positionOf ({ after: [createdAt, id] = [] }: Walk) {
  if (typeof createdAt !== 'string' || typeof id !== 'string') throw foreignCursor()
  return { created_at: createdAt, id }
}

/** The longest wait in seconds. Proxies give up after one or two minutes. */
export const maxWait = 60

/** Reads the seconds of `Prefer: wait=30` (RFC 7240). Other preferences are ignored. */
export function parsePrefer (header: string | string[] | undefined): number | undefined {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec([header ?? ''].flat().join(','))?.[1]
  return wait === undefined ? undefined : Math.min(Number(wait), maxWait)
}

/** Changes that take time: recorded in the store, followed until they end, continued after a restart. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const rows = createRows(fastify.store, fastify.log)
  const observeEnd = fastify.metrics.histogram({
    name: 'operation_duration_seconds',
    help: 'Seconds from the request of an operation to its end.',
    labels: ['cloud', 'kind', 'status'],
    buckets: [...durationBuckets, 300, 1800, 7200]
  })
  const onEnd = ({ cloud, kind, status, created_at: created, finished_at: finished }: OperationRow) =>
    observeEnd({ cloud, kind, status }, Math.max(0, Date.parse(finished!) - Date.parse(created)) / 1000)
  const engine = createEngine({ farm: fastify.farm, rows, settings, log: fastify.log, onEnd })

  const get: Operations['get'] = async (id, waitSeconds = 0, caller) => {
    await engine.wait(id, waitSeconds * 1000, caller)
    const row = await engine.get(id)
    if (row === undefined) throw new ProblemError('resource_not_found', `No operation has the id ${id}`)
    return toOperation(row)
  }

  fastify.decorate('operations', {
    start: engine.start,
    succeed: engine.succeed,
    join: engine.join,
    report: engine.report,
    underWay: engine.underWay,
    get,
    async page ({ limit, cursor, ...query }) {
      const bound = fingerprint('operations', query)
      const walk = cursor === undefined ? undefined : await readCursor(cursor, bound, fastify.store)
      const after = walk && positionOf(walk)
      // One more than the limit shows whether there is a next page.
      const found = await rows.list({ ...query, after, limit: limit + 1 })
      const items = found.slice(0, limit).map(toOperation)
      const last = found.length > limit ? items.at(-1) : undefined
      const next = last === undefined
        ? null
        : await writeCursor({ query: bound, after: [last.created_at, last.id] }, fastify.store)
      return { items, next_cursor: next, total: null }
    },
    async answer ({ row: { id }, secrets }, request) {
      const wait = parsePrefer(request.headers.prefer)
      const operation = await get(id, wait, wait === undefined ? undefined : request.signal)
      const ended = isEnded(operation)
      const headers: Record<string, string> = { location: operation.self }
      if (!ended) headers['retry-after'] = '1'
      if (wait !== undefined) headers['preference-applied'] = `wait=${wait}`
      return { status: ended ? 200 : 202, headers, body: secrets === undefined ? operation : { ...operation, secrets } }
    }
  } satisfies Operations)

  fastify.decorateReply('operation', async function (this: FastifyReply, started) {
    const { status, headers, body } = await fastify.operations.answer(started, this.request)
    if (hasSecrets(body)) forbidStorage(this)
    return this.code(status).headers(headers).send(body) as never
  })

  fastify.addHook('onReady', () => engine.resume())
  fastify.addHook('preClose', async () => { engine.stop() })
  fastify.addHook('onClose', () => engine.stop())
}, { name: 'operations', dependencies: ['clouds', 'store', 'metrics'] })
