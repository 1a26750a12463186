import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Settings } from '../../config/index.ts'
import type { AuditEntry } from '../../openapi/model/index.ts'
import { asProblemError } from '../errors.ts'
import { fingerprint, foreignCursor, readCursor, writeCursor } from '../lists/cursor.ts'
import { writeUntilDone } from '../store/index.ts'
import { recordCommand, type CallerCommand } from './commands.ts'
import { endEntry, startEntry } from './entry.ts'
import { openAuditFile } from './file.ts'
import { createRefusalCounts } from './refusals.ts'
import { createAuditRows, type AuditQuery } from './rows.ts'

declare module 'fastify' {
  interface FastifyInstance {
    audit: Audit
  }
  interface FastifyRequest {
    /** The audit of a change; undefined for other requests. */
    trail: Trail | undefined
  }
}

/** The data about a change while it runs. */
interface Trail {
  entry: AuditEntry
  body: object | undefined
  /** The ids of the cloud's requests by the operation that sent them. */
  providerIds: Map<string, string>
  /** The operation and the resource of a change of v1, whose answer does not have them. */
  known: Pick<AuditEntry, 'operation' | 'resource'> | undefined
}

/** Tells the audit what a request of v1 has changed, since its answer does not. */
export function noteChange (
  { trail }: FastifyRequest,
  known: Pick<AuditEntry, 'operation' | 'resource'>
) {
  if (trail !== undefined) trail.known = known
}

export type AuditPageQuery = Omit<AuditQuery, 'after'> & { cursor?: string | undefined }

export interface Audit {
  /** Entries, the newest first. Throws invalid_request for a cursor of another query. */
  page(
    query: AuditPageQuery,
    owner: string
  ): Promise<{ items: AuditEntry[], next_cursor: string | null }>
  /** Runs a command of the admin socket and records it. */
  command<T extends { id: string }>(command: CallerCommand<T>): Promise<T>
}

/** Milliseconds between two writes of refusals. They are written together, so that an attack does not fill the disk. */
const writeInterval = 1000

/** Refusals that wait to be written. More are only logged. */
const maxWaiting = 10_000

const day = 24 * 60 * 60_000

/** A change, or the console, whose URL gives full access to a node. */
const isAudited = ({ method, config }: RouteOptions) => {
  const { level = 'open', action } = config ?? {}
  if (level === 'open' || action === 'nodes.validate') return false
  return action === 'nodes.console' ||
    ![method].flat().some((one) => ['GET', 'HEAD', 'OPTIONS'].includes(one))
}

const isHead = ({ method }: RouteOptions) => method === 'HEAD'

const withLast = <T>(
  others: T | T[] | undefined,
  last: T
): T[] => [...[others ?? []].flat() as T[], last]

/**
 * Records every change with its caller: in the store before it is sent to a cloud, and again with its outcome; then as
 * a line of the log and of a file. If the store fails, the change is not sent. Refusals of known callers are recorded
 * too; those without a valid caller are counted. On if the settings have `auth` or `audit`.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { auth, audit = auth && { keep_days: 90 } } = settings
  const rows = createAuditRows(fastify.store)
  fastify.decorateRequest('trail')
  let flush = async () => {}
  let publish = (entry: AuditEntry) => fastify.log.info({ audit: entry }, 'audit')

  fastify.decorate(
    'audit',
    {
      async page ({ limit, cursor, ...query }, owner) {
        await flush()
        const bound = fingerprint('audit', query)
        const kept = { store: fastify.store, owner }
        const { after: [createdAt, id] = [] } = cursor === undefined
          ? {}
          : await readCursor(cursor, bound, kept)
        if (
          cursor !== undefined && (typeof createdAt !== 'string' || typeof id !== 'string')
        ) throw foreignCursor()
        const after = cursor === undefined
          ? undefined
          : { created_at: createdAt as string, id: id as string }
        const found = await rows.list({ ...query, after, limit: limit + 1 })
        const items = found.slice(0, limit)
        const last = found.length > limit ? items.at(-1) : undefined
        const next = last === undefined
          ? null
          : await writeCursor({ query: bound, after: [last.created_at, last.id] }, kept)
        return { items, next_cursor: next }
      },
      command: async (command) => recordCommand(fastify.store, command, publish)
    } satisfies Audit
  )
  if (audit === undefined) return

  const file = audit.file === undefined ? undefined : await openAuditFile(audit.file, fastify.log)
  const counts = createRefusalCounts()
  let waiting: AuditEntry[] = []

  const toLog = publish
  publish = (entry) => {
    toLog(entry)
    file?.write(entry)
  }

  /** Writes the refusals that wait. If the store fails, they wait on. */
  flush = async () => {
    const counted = counts.take()
    const taken = waiting.splice(0)
    for (const entry of counted) publish(entry)
    try {
      await rows.write([...taken, ...counted])
    } catch (err) {
      waiting = [...taken, ...counted, ...waiting].slice(0, maxWaiting)
      fastify.log.error(
        { err },
        'the store did not accept refusals for the audit; this is tried again'
      )
    }
  }

  fastify.auth.onRefusal(({ request, caller, problem }) => {
    if (caller === undefined || caller.kind === 'anonymous') return counts.add(request.ip)
    const entry: AuditEntry = { ...startEntry(request), outcome: 'refused', code: problem.code }
    publish(entry)
    if (waiting.length < maxWaiting) waiting.push(entry)
  })

  const begin = async (request: FastifyRequest) => {
    const entry = startEntry(request)
    await rows.write([entry])
    request.trail = { entry, body: undefined, providerIds: new Map(), known: undefined }
  }

  const readBody = async ({ trail }: FastifyRequest, _reply: FastifyReply, payload: unknown) => {
    if (trail !== undefined && typeof payload === 'object' && payload !== null) trail.body = payload
    return payload
  }

  const readError = async ({ trail }: FastifyRequest, _reply: FastifyReply, error: Error) => {
    if (trail === undefined) return
    const { code, details: { provider_error: failure } } = asProblemError(error)
    trail.body = { code, provider_error: failure }
  }

  const end = async (
    request: FastifyRequest,
    { statusCode: status }: FastifyReply,
    payload: unknown
  ) => {
    const { trail } = request
    if (trail === undefined) return payload
    request.trail = undefined
    const ended = endEntry(trail.entry, { ...trail, status })
    for (const entry of ended) publish(entry)
    try {
      await rows.write(ended)
    } catch (err) {
      request.log.error(
        { err },
        'the store did not accept the outcome of a change for the audit; this is tried again'
      )
      writeUntilDone(() => rows.write(ended), () => fastify.closing)
    }
    return payload
  }

  fastify.addHook('onRoute', (route) => {
    if (!isAudited(route) || isHead(route)) return
    route.preHandler = withLast(route.preHandler, begin)
    route.preSerialization = withLast(route.preSerialization, readBody as never)
    route.onError = withLast(route.onError, readError as never)
    route.onSend = withLast(route.onSend, end as never)
  })

  fastify.jobs.every('audit-purge', 3600, () =>
    rows.purge(new Date(Date.now() - audit.keep_days * day).toISOString()))
  const timer = setInterval(flush, writeInterval).unref()
  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await flush()
    await file?.close()
  })
}, { name: 'audit', dependencies: ['auth', 'jobs', 'store'] })
