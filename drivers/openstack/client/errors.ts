import { ProblemError, type ProblemCode, type ProviderError } from '../../../openapi/model/index.ts'
import { parseRetryAfter, type HttpResponse } from '../../http.ts'

/** What was asked of which service, for the words and the outcome of its refusal. */
export interface Asked {
  service: string
  /** Whether it changes nothing. */
  read: boolean
}

interface Fault {
  code: string | null
  message: string | null
}

/** Glance's messages have the tags of its error page in them. */
const textOf = (value: unknown) => {
  const text = typeof value === 'string' ? value.replace(/<[^>]*>/g, ' ').trim() : ''
  return text === '' ? null : text.slice(0, 1000)
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * What an error's body says. Nova and Cinder wrap it in its kind (`{"badRequest": {code, message}}`), Neutron in
 * `NeutronError` with a `type`, Keystone in `error` with a `title`; Glance has `message` and `title` at the top,
 * Neutron's framework `faultstring`. Of an HTML page, which Glance sends too, nothing is left.
 */
export function faultOf (body: unknown): Fault {
  if (!isFields(body)) return { code: null, message: null }
  const [kind, value] = Object.entries(body)[0] ?? []
  if (kind === 'NeutronError' && typeof value === 'string') return { code: kind, message: textOf(value) }
  const fault = kind !== undefined && isFields(value) ? value : body
  const { type, title, faultcode, message, faultstring } = fault
  const code = textOf(type) ?? textOf(title) ?? textOf(faultcode) ?? (fault === body ? null : kind ?? null)
  return { code, message: textOf(message) ?? textOf(faultstring) }
}

/** The cloud's own id of a request, under the names that its services use. */
export const requestIdOf = (headers: Record<string, string>) =>
  headers['x-openstack-request-id'] ?? headers['x-compute-request-id'] ?? headers['x-order-request-id'] ?? null

/** Seconds, from `Retry-After`. */
function retryAfter (headers: Record<string, string>) {
  const ms = parseRetryAfter(headers['retry-after'])
  return ms === undefined ? {} : { retry_after: Math.ceil(ms / 1000) }
}

const quota = /quota|exceed|over ?limit/i
const locked = /is locked/i
const wrongState = /while it is in|invalid state|in this state|not ready/i
const inUse = /in use|inuse|still has|one or more ports/i
const existing = /already exists|duplicate|exists$/i

function conflictCode (said: string) {
  if (locked.test(said)) return 'protected' as const
  if (wrongState.test(said)) return 'invalid_state' as const
  if (quota.test(said)) return 'provider_quota_exceeded' as const
  if (existing.test(said)) return 'already_exists' as const
  return inUse.test(said) ? 'in_use' as const : 'invalid_state' as const
}

/**
 * An answer that is no 2xx in the words of the catalogue. A refusal leaves nothing behind; only what a gateway says in
 * the place of the service (502, 504) leaves open whether a change was made.
 */
export function problemOf ({ status, headers, body }: HttpResponse, { service, read }: Asked): ProblemError {
  const fault = faultOf(body)
  const said = `${fault.message ?? ''} ${fault.code ?? ''}`.trim()
  const told: ProviderError = { code: fault.code ?? String(status), message: fault.message, request_id: requestIdOf(headers) }
  const detail = fault.message ?? `The ${service} service answered ${status}`
  const problem = (code: ProblemCode, more: { outcomeUnknown?: boolean, retry_after?: number } = {}) =>
    new ProblemError(code, detail, { provider_error: told, ...more })

  switch (status) {
    case 400: case 422: return problem('provider_rejected')
    case 401: return problem('provider_auth_failed')
    case 403: return problem(quota.test(said) ? 'provider_quota_exceeded' : 'provider_permission_denied')
    case 404: case 410: return problem('resource_not_found')
    case 405: case 406: case 501: return problem('not_supported')
    case 409: return problem(conflictCode(said))
    case 413:
      // Old services send `Retry-After: 0` with an exceeded quota too.
      return /quota/i.test(said) || headers['retry-after'] === undefined
        ? problem('provider_quota_exceeded')
        : problem('provider_rate_limited', retryAfter(headers))
    case 429: return problem('provider_rate_limited', retryAfter(headers))
    case 502: return problem('provider_unavailable', { outcomeUnknown: !read })
    case 503: return problem('provider_unavailable', retryAfter(headers))
    case 504: return problem('provider_timeout', { outcomeUnknown: !read })
    default: return problem(status >= 400 && status < 500 ? 'provider_rejected' : 'provider_error')
  }
}
