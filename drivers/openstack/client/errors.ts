import {
  ProblemError,
  type ProblemCode,
  type ProblemDetails,
  type ProviderError
} from '../../../openapi/model/index.ts'
import { parseRetryAfter, type HttpResponse } from '../../common/http.ts'
import { isOutcomeUnknown } from '../../common/outcome.ts'
import { operationKey } from '../../common/tags.ts'

/** The call that an answer belongs to. */
export interface CallContext {
  service: string
  /** True if the call changes nothing. */
  read: boolean
}

interface Fault {
  code: string | null
  message: string | null
}

/** Our own metadata in the Python or JSON of a quoted request, with its value and the comma behind it. */
const ownMetadata = new RegExp(
  `u?["']?${operationKey}["']?(\\s*[:=]\\s*u?["'][^"']*["'])?,? ?`,
  'g'
)

/** Removes HTML tags, which Glance's messages contain, and our own metadata, which the caller does not know. */
const toText = (value: unknown) => {
  const text = typeof value === 'string'
    ? value.replace(/<[^>]*>/g, ' ').replace(ownMetadata, '').trim()
    : ''
  return text === '' ? null : text.slice(0, 1000)
}

export type Fields = Readonly<Record<string, unknown>>

/** Returns whether a value is a map, not a list. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads the body of an error. Nova and Cinder wrap it in its kind (`{"badRequest": {code,
 * message}}`), Neutron in `NeutronError` with a `type`, Keystone in `error` with a `title`; Glance
 * has `message` and `title` at the top, Neutron's framework has `faultstring`. An HTML page, which
 * Glance sends too, has neither code nor message.
 */
export function faultOf (body: unknown): Fault {
  if (!isFields(body)) return { code: null, message: null }
  const [kind, value] = Object.entries(body)[0] ?? []
  if (kind === 'NeutronError' && typeof value === 'string') {
    return { code: kind, message: toText(value) }
  }
  const fault = kind !== undefined && isFields(value) ? value : body
  const { type, title, faultcode, message, faultstring } = fault
  const code = toText(type) ?? toText(title) ?? toText(faultcode) ??
    (fault === body ? null : kind ?? null)
  return { code, message: toText(message) ?? toText(faultstring) }
}

/** Returns the cloud's own id of a request. Its header has a different name in each service. */
const requestIdOf = (headers: Record<string, string>) =>
  headers['x-openstack-request-id'] ?? headers['x-compute-request-id'] ??
    headers['x-order-request-id'] ?? null

function retryAfter (headers: Record<string, string>) {
  const milliseconds = parseRetryAfter(headers['retry-after'])
  return { retry_after: milliseconds && Math.ceil(milliseconds / 1000) }
}

/** Nova says "The number of defined ports: 5 is over the limit: 4" (`nova/network/neutron.py`). */
const quota = /quota|exceed|over (the )?limit|overlimit/i
const locked = /is locked/i
const wrongState = /while it is in|invalid state|in this state|not ready/i
const inUse = /in use|inuse|still has|one or more ports/i
const existing = /already exists|duplicate|exists$/i

function conflictCode (text: string): ProblemCode {
  if (locked.test(text)) return 'protected'
  if (wrongState.test(text)) return 'invalid_state'
  if (quota.test(text)) return 'provider_quota_exceeded'
  if (existing.test(text)) return 'already_exists'
  return inUse.test(text) ? 'in_use' : 'invalid_state'
}

/** Converts an answer other than 2xx. `drivers/common/outcome.ts` decides whether a change may have been made. */
export function problemOf (
  { status, headers, body }: HttpResponse,
  { service, read }: CallContext
): ProblemError {
  const fault = faultOf(body)
  const text = `${fault.message ?? ''} ${fault.code ?? ''}`.trim()
  const providerError: ProviderError = {
    code: fault.code ?? String(status),
    message: fault.message,
    request_id: requestIdOf(headers)
  }
  const detail = fault.message ?? `The ${service} service answered ${status}`
  const outcomeUnknown = isOutcomeUnknown({ cloud: 'openstack', read, answer: status })
  const problem = (code: ProblemCode, more: ProblemDetails = {}) =>
    new ProblemError(code, detail, { provider_error: providerError, outcomeUnknown, ...more })

  switch (status) {
    case 400:
    case 422:
      return problem('provider_rejected')
    case 401:
      return problem('provider_auth_failed')
    case 403:
      return problem(quota.test(text) ? 'provider_quota_exceeded' : 'provider_permission_denied')
    case 404:
    case 410:
      return problem('resource_not_found')
    case 405:
    case 406:
    case 501:
      return problem('not_supported')
    case 409:
      return problem(conflictCode(text))
    case 413:
      // A read exceeds no quota. Old services send `Retry-After: 0` with an exceeded quota, too.
      return !read && (/quota/i.test(text) || headers['retry-after'] === undefined)
        ? problem('provider_quota_exceeded')
        : problem('provider_rate_limited', retryAfter(headers))
    case 429:
      return problem('provider_rate_limited', retryAfter(headers))
    case 502:
      return problem('provider_unavailable')
    case 503:
      return problem('provider_unavailable', retryAfter(headers))
    case 504:
      return problem('provider_timeout')
    default:
      return problem(status >= 400 && status < 500 ? 'provider_rejected' : 'provider_error')
  }
}
