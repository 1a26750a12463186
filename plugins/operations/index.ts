import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError, type Operation } from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import { forbidStorage, hasSecrets } from '../http/caching.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor, type Walk } from '../lists/cursor.ts'
import { durationBuckets } from '../metrics/index.ts'
import { createEngine, type Engine } from './engine.ts'
import { createOwnership } from './ownership.ts'
import { createRows, isEnded, toOperation, type OperationQuery, type OperationRow } from './rows.ts'
import type { StartedOperation } from './start.ts'
import { createTracker } from './tracker.ts'

declare module 'fastify' {
  interface FastifyInstance {
    operations: Operations
  }
  interface FastifyReply {
    /** Answers with an operation: 202 while it runs, 200 when it ended within the time of `Prefer: wait`. */
    operation(started: StartedOperation): Promise<never>
  }
}

export interface OperationAnswer {
  status: 200 | 202
  headers: Record<string, string>
  body: Operation
}

export type OperationPageQuery = Omit<OperationQuery, 'after'> & { cursor?: string }

interface OperationsPage {
  items: Operation[]
  next_cursor: string | null
  total: null
}

type EndListener = (row: OperationRow) => void

export interface Operations
  extends Pick<Engine, 'start' | 'succeed' | 'join' | 'report' | 'underWay'> {
  /** Throws resource_not_found, also for an operation of a cloud that the caller may not read. */
  get(id: string, caller: Caller): Promise<Operation>
  /** Calls the listener with each operation after its end is in the store. The listener must not throw. */
  onEnd(listener: EndListener): void
  /** Waits at most this time for the end of an operation, or until the signal. */
  wait(id: string, seconds: number, signal: AbortSignal): Promise<void>
  /** The operations that the caller may see, newest first. Throws invalid_request for a cursor of another query. */
  page(query: OperationPageQuery, caller: Caller): Promise<OperationsPage>
  /** The answer that shows an operation as it is now to the caller who started it. */
  toAnswer(row: OperationRow, caller: Caller): OperationAnswer
  /** The answer to a request that started or joined an operation, after `Prefer: wait`. */
  answer(started: StartedOperation, request: FastifyRequest): Promise<OperationAnswer>
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

function toAnswer (operation: Operation): OperationAnswer {
  const headers: Record<string, string> = { location: operation.self }
  if (isEnded(operation)) return { status: 200, headers, body: operation }
  headers['retry-after'] = '1'
  return { status: 202, headers, body: operation }
}

/** Changes that take time: recorded in the store, followed until they end, continued after a restart. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const rows = createRows(fastify.store, fastify.membership.id, fastify.log)
  const observeEnd = fastify.metrics.histogram({
    name: 'operation_duration_seconds',
    help: 'Seconds from the request of an operation to its end.',
    labels: ['cloud', 'kind', 'status'],
    buckets: [...durationBuckets, 300, 1800, 7200]
  })
  const endListeners: EndListener[] = [
    ({ cloud, kind, status, created_at: created, finished_at: finished }) =>
      observeEnd(
        { cloud, kind, status },
        Math.max(0, Date.parse(finished!) - Date.parse(created)) / 1000
      )
  ]
  const onEnd: EndListener = (row) => {
    for (const listener of endListeners) listener(row)
  }
  const { farm, store, membership, log } = fastify
  const tracker = createTracker()
  const ownership = createOwnership({
    store,
    rows,
    membership,
    served: new Set(farm.clouds.flatMap(({ name, connection }) => connection ? [name] : [])),
    isKnown: (id) => tracker.get(id) !== undefined,
    log
  })
  const engine = createEngine({
    farm,
    rows,
    ownership,
    membership,
    tracker,
    settings,
    log,
    onEnd
  })

  fastify.events.onSeen(({ type, content }) => {
    if (type === 'operation.ended') engine.wake((content as OperationRow).id)
  })

  const served = new Set(farm.clouds.map(({ name }) => name))

  /** Whether a caller may see the operations of a cloud. Those of clouds no longer served are for administrators. */
  const maySee = (caller: Caller, cloud: string) =>
    served.has(cloud) ? caller.may('read', cloud) : caller.mayEverywhere('admin')

  /** Reduces the clouds of a query to those that the caller may see; undefined means all. */
  const cloudsFor = (caller: Caller, clouds: readonly string[] | undefined) =>
    caller.mayEverywhere('admin')
      ? clouds
      : (clouds ?? [...served]).filter((cloud) => maySee(caller, cloud))

  const get: Operations['get'] = async (id, caller) => {
    const row = await engine.get(id)
    if (row === undefined || !maySee(caller, row.cloud)) {
      throw new ProblemError('resource_not_found', `No operation has the id ${id}`)
    }
    return toOperation(row, caller)
  }

  const wait: Operations['wait'] = (id, seconds, signal) => engine.wait(id, seconds * 1000, signal)

  fastify.decorate(
    'operations',
    {
      start: engine.start,
      succeed: engine.succeed,
      join: engine.join,
      report: engine.report,
      underWay: engine.underWay,
      onEnd (listener) {
        endListeners.push(listener)
      },
      get,
      wait,
      async page ({ limit, cursor, ...query }, caller) {
        const bound = fingerprint('operations', query)
        const kept = { store: fastify.store, owner: caller.identity }
        const walk = cursor === undefined ? undefined : await readCursor(cursor, bound, kept)
        const after = walk && positionOf(walk)
        // One more than the limit shows whether there is a next page.
        const clouds = cloudsFor(caller, query.clouds)
        const found = clouds?.length === 0
          ? []
          : await rows.list({ ...query, clouds, after, limit: limit + 1 })
        const items = found.slice(0, limit).map((row) => toOperation(row, caller))
        const last = found.length > limit ? items.at(-1) : undefined
        const next = last === undefined
          ? null
          : await writeCursor({ query: bound, after: [last.created_at, last.id] }, kept)
        return { items, next_cursor: next, total: null }
      },
      toAnswer: (row, caller) => toAnswer(toOperation(row, caller)),
      async answer ({ row, isLatest = false, secrets }, request) {
        const { caller } = request
        const seconds = parsePrefer(request.headers.prefer)
        if (seconds !== undefined) await wait(row.id, seconds, request.signal)
        const isKnown = isLatest && seconds === undefined
        const answer = toAnswer(isKnown ? toOperation(row, caller) : await get(row.id, caller))
        if (seconds !== undefined) answer.headers['preference-applied'] = `wait=${seconds}`
        return secrets === undefined ? answer : { ...answer, body: { ...answer.body, secrets } }
      }
    } satisfies Operations
  )

  fastify.decorateReply('operation', async function (this: FastifyReply, started) {
    const { status, headers, body } = await fastify.operations.answer(started, this.request)
    if (hasSecrets(body)) forbidStorage(this)
    return this.code(status).headers(headers).send(body) as never
  })

  fastify.addHook('onReady', async () => {
    await engine.takeOver()
    await ownership.warnOfOthers()
  })
  let takingOver = false
  membership.onBeat(() => {
    if (takingOver || fastify.closing) return
    takingOver = true
    engine.takeOver()
      .catch((err: unknown) => log.warn({ err }, 'operations of servers that are gone wait'))
      .finally(() => {
        takingOver = false
      })
  })
  fastify.addHook('preClose', async () => {
    engine.stop()
  })
  fastify.addHook('onClose', () => engine.stop())
}, { name: 'operations', dependencies: ['clouds', 'store', 'membership', 'events', 'metrics'] })
