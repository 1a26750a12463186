import {
  capabilityOf,
  type Connection,
  type Filters,
  type ServiceName
} from '../../drivers/driver.ts'
import { ProblemError, toProblem, type Source } from '../../openapi/model/index.ts'
import { notSupported } from '../clouds/capabilities.ts'
import type { Cloud } from '../clouds/cloud.ts'
import type { CallContext, CloudHandle } from '../clouds/handle.ts'
import type { Farm } from '../clouds/farm.ts'
import type { Answer } from '../clouds/shared-reads.ts'
import type { Position } from './cursor.ts'
import { scopeOf } from './filters.ts'

/** One page of one cloud, or its failure. */
export interface CloudPage {
  cloud: string
  items: object[]
  /** The token of this page. */
  token: string | null
  next: string | null
  total?: number
  source: Source
  error?: ProblemError
  /** How long the page may be shown; undefined if it failed. */
  answer?: Answer<object>
}

export interface PageRequest {
  farm: Farm
  service: ServiceName
  context: CallContext
  /** The time of the monotonic clock until which the list waits for its clouds. */
  until: number
  filters: Filters
  extra: boolean
  /** The fields that the list shows and tests; undefined for all. A driver may leave out reads that serve others. */
  needs?: readonly string[]
  /** Whether the client refuses answers from before. */
  fresh: boolean
  /** Completes the items of a cloud with what this server knows about them. Must not change the items themselves. */
  show?: ((cloud: string, items: object[]) => object[]) | undefined
}

interface ServicePage {
  items: object[]
  next: string | null
  total?: number
  partial?: ProblemError
  complete_scan?: boolean
}

interface ListService {
  list(query: object, call: unknown): Promise<ServicePage>
}

/** Whether a list needs none of the fields that take further calls of this cloud. */
function isBrief ({ briefOmits }: Connection, { service, extra, needs }: PageRequest) {
  const omitted = briefOmits?.[service]
  return !extra && omitted !== undefined && needs !== undefined &&
    !needs.some((field) => omitted.has(field))
}

/**
 * Reads a page, or takes one that was kept: the same page with more details, or all items without filters, since all
 * filters are applied again here.
 */
function readShared (
  handle: CloudHandle,
  request: PageRequest,
  token: string | null,
  limit: number
) {
  const { service, filters, extra, fresh } = request
  const brief = isBrief(handle.connection, request)
  const kind = extra ? 'extra' : 'plain'
  const filtered = Object.keys(filters).length === 0 ? '' : JSON.stringify(filters)
  const rest = `${limit} ${token ?? ''} ${filtered}`
  // Only the cloud itself can tell whose resources these are.
  const others = token === null && filters['owner'] === undefined ? [`${kind} all`] : []
  return handle.read<ServicePage>({
    service,
    key: `${brief ? 'brief' : kind} ${rest}`,
    others: brief ? [`plain ${rest}`, 'brief all', ...others] : others,
    // A cursor continues at a token of the cloud, so a kept page must not have more items than the cloud would return.
    fits: ({ items }) => items.length <= limit,
    alias: ({ next }) =>
      token === null && next === null && filtered === ''
        ? `${brief ? 'brief' : kind} all`
        : undefined,
    fresh,
    run: (connection, call) => {
      const lister = connection[service] as ListService | undefined
      if (lister === undefined) {
        throw new ProblemError('not_supported', `This cloud has no ${service}`, {
          capability: `${service}.list`
        })
      }
      checkScope(connection, service, filters)
      return lister.list({ limit, token, filters, extra, ...(brief && { brief }) }, call)
    }
  })
}

/** Throws not_supported if a filter has a word that the cloud does not understand. */
function checkScope (connection: Connection, service: ServiceName, filters: Filters) {
  const scope = scopeOf(filters)
  if (scope === undefined) return
  const isKnown = capabilityOf(connection, `${service}.list`)?.filters.includes(scope) === true
  if (!isKnown) throw notSupported(connection, `${service}.list.${scope}`)
}

/** The time that a cloud that is down gets to answer a list over many clouds, in milliseconds. */
const downTimeout = 1000

/** Returns the milliseconds that a cloud may use; undefined if the list waits as long as the cloud's own limit. */
function timeoutOf ({ health }: Cloud, until: number) {
  if (until === Infinity) return undefined
  const left = Math.max(1, until - performance.now())
  return health.status === 'down' ? Math.min(left, downTimeout) : left
}

/** Reads one page of one cloud. Never throws a failure of the cloud: `error` and `source` report it. */
export async function readPage (
  request: PageRequest,
  { cloud, token }: Position,
  limit: number
): Promise<CloudPage> {
  const { farm, context, until, show } = request
  const started = performance.now()
  const toSource = (
    status: Source['status'],
    count: number,
    asOf: number | null,
    problem?: ProblemError
  ): Source => ({
    cloud,
    status,
    count,
    as_of: asOf === null ? null : new Date(asOf).toISOString(),
    elapsed_ms: Math.round((performance.now() - started) * 10) / 10,
    problem: problem === undefined ? null : toProblem(problem)
  })
  try {
    const timeout = timeoutOf(farm.get(cloud), until)
    const handle = farm.handle(cloud, timeout === undefined ? context : { ...context, timeout })
    const answer = await readShared(handle, request, token, limit)
    const { items, next, total, partial, complete_scan: isWhole } = answer.value
    const source = toSource(
      partial === undefined ? 'ok' : 'partial',
      items.length,
      answer.asOf,
      partial
    )
    return {
      cloud,
      items: show?.(cloud, items) ?? items,
      token,
      next,
      total,
      source: isWhole === true ? { ...source, complete_scan: true } : source,
      answer
    }
  } catch (thrown) {
    const error = thrown as ProblemError
    const status = error.code === 'provider_timeout' ? 'timeout' : 'error'
    return { cloud, items: [], token, next: null, source: toSource(status, 0, null, error), error }
  }
}
