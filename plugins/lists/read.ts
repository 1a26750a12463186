import { capabilityOf, type Connection, type Filters, type ServiceName } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type Source } from '../../openapi/model/index.ts'
import { notSupported } from '../clouds/capabilities.ts'
import type { CallContext, Cloud } from '../clouds/cloud.ts'
import type { Farm } from '../clouds/farm.ts'
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
}

export interface PageRequest {
  farm: Farm
  service: ServiceName
  context: CallContext
  /** The time of the monotonic clock until which the list waits for its clouds. */
  until: number
  filters: Filters
  extra: boolean
  /** Completes the items of a cloud with what this server knows about them. Must not change the items themselves. */
  show?: ((cloud: string, items: object[]) => object[]) | undefined
  /** Whether the caller needs only ids and states: the driver may leave out other reads. */
  brief?: boolean
}

interface ListService {
  list (query: object, call: unknown): Promise<{
    items: object[], next: string | null, total?: number, partial?: ProblemError
  }>
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
  { farm, service, context, until, filters, extra, show, brief }: PageRequest, { cloud, token }: Position, limit: number
): Promise<CloudPage> {
  const started = performance.now()
  const toSource = (status: Source['status'], count: number, problem?: ProblemError): Source => ({
    cloud,
    status,
    count,
    as_of: new Date().toISOString(),
    elapsed_ms: Math.round((performance.now() - started) * 10) / 10,
    problem: problem === undefined ? null : toProblem(problem)
  })
  try {
    const timeout = timeoutOf(farm.get(cloud), until)
    const handle = farm.handle(cloud, timeout === undefined ? context : { ...context, timeout })
    const { items, next, total, partial } = await handle.call((connection, call) => {
      const lister = connection[service] as ListService | undefined
      if (lister === undefined) {
        throw new ProblemError('not_supported', `This cloud has no ${service}`, { capability: `${service}.list` })
      }
      checkScope(connection, service, filters)
      return lister.list({ limit, token, filters, extra, ...(brief && { brief }) }, call)
    })
    const source = toSource(partial === undefined ? 'ok' : 'partial', items.length, partial)
    return { cloud, items: show?.(cloud, items) ?? items, token, next, total, source }
  } catch (thrown) {
    const error = thrown as ProblemError
    const status = error.code === 'provider_timeout' ? 'timeout' : 'error'
    return { cloud, items: [], token, next: null, source: { ...toSource(status, 0, error), as_of: null }, error }
  }
}
