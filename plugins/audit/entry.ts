import { v7 as uuid } from '#uuid'
import type { FastifyRequest } from 'fastify'
import type { AuditEntry } from '../../openapi/model/index.ts'
import { toCallerRef } from '../auth/caller.ts'

/** Path of the resource that the path of a request names; null if it names none. */
function resourceOf ({ url, params }: FastifyRequest): string | null {
  const { id } = params as { id?: string }
  if (id === undefined) return null
  const [path] = /^\/api\/v\d+\/clouds\/[^/]+\/[^/]+\/[^/?]+/.exec(url) ?? []
  return path?.slice(0, 1024) ?? null
}

/** Creates the entry of a request of a known caller. It has no answer yet. */
export function startEntry (request: FastifyRequest): AuditEntry {
  const { caller, ip, routeOptions: { config: { action, cloudOf }, url = '' }, params, method } =
    request
  const cloud = cloudOf?.(request) ?? (params as { cloud?: string }).cloud
  return {
    id: uuid(),
    created_at: new Date().toISOString(),
    caller: toCallerRef(caller),
    credential: caller.credential,
    address: ip,
    action: action ?? `${method} ${url}`,
    cloud: cloud?.slice(0, 63) ?? null,
    resource: resourceOf(request),
    operation: null,
    request_id: request.id,
    provider_request_id: null,
    outcome: 'started',
    code: null,
    count: 1
  }
}

/** The fields of the bodies of answers to changes: of an operation, a resource or a problem. */
interface Body {
  id?: string
  self?: string
  code?: string
  target?: { self: string } | null
  resource?: { self: string } | null
  finished_at?: string | null
  status?: unknown
  provider_error?: { request_id?: string | null }
}

interface BulkItem {
  id: string
  operation: Body | null
  problem: Body | null
}

const isOperation = ({ self }: Body) => self?.startsWith('/api/v2/operations/') === true

function describeOperation (body: Body): Partial<AuditEntry> {
  const resource = body.target?.self ?? body.resource?.self
  const outcome = body.finished_at === null
    ? 'accepted'
    : body.status === 'succeeded'
      ? 'succeeded'
      : 'failed'
  return { operation: body.id!, outcome, ...(resource !== undefined && { resource }) }
}

const describeProblem = ({ code, status, provider_error: error }: Body): Partial<AuditEntry> => ({
  code: code ?? null,
  outcome: Number(status) < 500 ? 'refused' : 'failed',
  ...(error?.request_id != null && { provider_request_id: error.request_id })
})

function describe (body: Body, status: number): Partial<AuditEntry> {
  if (status >= 400) return describeProblem({ ...body, status })
  if (isOperation(body)) return describeOperation(body)
  return { outcome: 'succeeded', ...(body.self !== undefined && { resource: body.self }) }
}

export interface Answered {
  status: number
  /** The body before it is text; undefined if there is none. */
  body: object | undefined
  /** The ids of the cloud's requests by the operation that sent them; '' for a change without an operation. */
  providerIds: ReadonlyMap<string, string>
  /** Fields that the body does not have. */
  known: Pick<AuditEntry, 'operation' | 'resource'> | undefined
}

/** Completes an entry by the answer. A bulk action gets an entry for each node. */
export function endEntry (
  entry: AuditEntry,
  { status, body = {}, providerIds, known: told }: Answered
): AuditEntry[] {
  const complete = (one: AuditEntry, changes: Partial<AuditEntry>): AuditEntry => {
    const operation = changes.operation ?? one.operation
    const last = operation === null ? [...providerIds.values()].at(-1) : undefined
    const known = providerIds.get(operation ?? '') ?? last
    return {
      ...one,
      ...(known !== undefined && { provider_request_id: known }),
      ...changes,
      ...told
    }
  }
  const { items } = body as { items?: BulkItem[] }
  if (items === undefined || status >= 400) return [complete(entry, describe(body, status))]
  return items.map(({ id, operation, problem }, i) => {
    const one = {
      ...entry,
      id: i === 0 ? entry.id : uuid(),
      resource: `/api/v2/clouds/${entry.cloud}/nodes/${encodeURIComponent(id)}`
    }
    return operation === null
      ? { ...one, ...describeProblem(problem ?? {}) }
      : complete(one, describeOperation(operation))
  })
}
