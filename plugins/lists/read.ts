import { capabilitiesOf, type Connection, type Filters, type ServiceName } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type Source } from '../../openapi/model/index.ts'
import { notSupported } from '../clouds/capabilities.ts'
import type { CallFrom, Farm } from '../clouds/farm.ts'
import type { Place } from './cursor.ts'
import { scopeOf } from './filters.ts'

/** One page of one cloud. */
export interface Read {
  cloud: string
  items: object[]
  /** The items' token, for a cut within them. */
  token: string | null
  next: string | null
  total?: number
  source: Source
  error?: ProblemError
}

export interface ReadInput {
  farm: Farm
  service: ServiceName
  from: CallFrom
  filters: Filters
  extra: boolean
}

interface ListService {
  list (query: object, call: unknown): Promise<{ items: object[], next: string | null, total?: number, partial?: ProblemError }>
}

/** Throws not_supported where a filter has a word that the cloud does not understand. */
function mustUnderstand (connection: Connection, service: ServiceName, filters: Filters) {
  const scope = scopeOf(filters)
  if (scope === undefined || capabilitiesOf(connection)[`${service}.list`]?.filters.includes(scope) === true) return
  throw notSupported(connection, `${service}.list.${scope}`)
}

/** Reads one page of one cloud. Never throws what the cloud did: that is told in `error` and in `source`. */
export async function readPage ({ farm, service, from, filters, extra }: ReadInput, { cloud, token }: Place, limit: number): Promise<Read> {
  const started = performance.now()
  const source = (status: Source['status'], count: number, problem?: ProblemError): Source => ({
    cloud,
    status,
    count,
    as_of: new Date().toISOString(),
    elapsed_ms: Math.round((performance.now() - started) * 10) / 10,
    problem: problem === undefined ? null : toProblem(problem)
  })
  try {
    const page = await farm.call(cloud, from, (connection, call) => {
      const list = connection[service] as ListService | undefined
      if (list === undefined) throw new ProblemError('not_supported', `This cloud has no ${service}`, { capability: `${service}.list` })
      mustUnderstand(connection, service, filters)
      return list.list({ limit, token, filters, extra }, call)
    })
    const { items, next, total, partial } = page
    return {
      cloud, items, token, next, source: source(partial === undefined ? 'ok' : 'partial', items.length, partial), ...(total === undefined ? {} : { total })
    }
  } catch (thrown) {
    const error = thrown as ProblemError
    const status = error.code === 'provider_timeout' ? 'timeout' : 'error'
    return { cloud, items: [], token, next: null, source: { ...source(status, 0, error), as_of: null }, error }
  }
}
