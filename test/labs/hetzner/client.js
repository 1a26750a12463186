import { setTimeout as sleep } from 'node:timers/promises'
import { isOutcomeUnknown, ProblemError, readAll } from 'cloud-orchestrator/driver'

/**
 * @typedef {import('cloud-orchestrator/driver').Call} Call
 * @typedef {import('cloud-orchestrator/driver').Context} Context
 * @typedef {import('cloud-orchestrator/driver').ProblemCode} ProblemCode
 * @typedef {import('cloud-orchestrator/driver').HttpRequest} HttpRequest
 * @typedef {import('cloud-orchestrator/driver').HttpResponse} HttpResponse
 * @typedef {ReturnType<typeof createClient>} Client
 */

/**
 * A request beside its path: `fields` has the JSON Pointer of a field of the caller by the name that the cloud has for
 * it. A refusal that names the field then points to it.
 * @typedef {{ query?: Record<string, unknown>, body?: object, fields?: Record<string, string> }} Details
 */

/**
 * The error codes of the cloud: https://docs.hetzner.cloud/reference/cloud#errors, and those of single operations
 * there.
 * @type {Record<string, ProblemCode>}
 */
const codeByName = {
  unauthorized: 'provider_auth_failed',
  forbidden: 'provider_permission_denied',
  token_readonly: 'provider_permission_denied',
  not_found: 'resource_not_found',
  uniqueness_error: 'already_exists',
  locked: 'invalid_state',
  conflict: 'invalid_state',
  server_not_stopped: 'invalid_state',
  server_already_attached: 'in_use',
  volume_already_attached: 'in_use',
  resource_in_use: 'in_use',
  protected: 'protected',
  resource_limit_exceeded: 'provider_quota_exceeded',
  resource_unavailable: 'provider_capacity',
  placement_error: 'provider_capacity',
  rate_limit_exceeded: 'provider_rate_limited',
  maintenance: 'provider_unavailable',
  unavailable: 'provider_unavailable',
  timeout: 'provider_timeout'
}

/** @type {Record<number, ProblemCode>} */
const codeByStatus = {
  401: 'provider_auth_failed',
  403: 'provider_permission_denied',
  404: 'resource_not_found',
  409: 'invalid_state',
  423: 'invalid_state',
  429: 'provider_rate_limited',
  503: 'provider_unavailable',
  504: 'provider_timeout'
}

/** @param {string | null} name @param {number} status */
const toCode = (name, status) =>
  codeByName[name ?? ''] ?? codeByStatus[status] ?? (status < 500 ? 'provider_rejected' : 'provider_error')

/**
 * Seconds until the cloud accepts another request. The cloud sends no Retry-After: RateLimit-Limit has the number of
 * requests of an hour, and the requests that remain grow by that number in an hour, evenly.
 * Source: https://docs.hetzner.cloud/reference/cloud#rate-limiting
 * @param {Record<string, string>} headers
 */
function retryAfterOf (headers) {
  const perHour = Number(headers['ratelimit-limit'])
  return perHour > 0 ? Math.max(1, Math.ceil(3600 / perHour)) : undefined
}

/**
 * Returns the names of the fields that a refusal is about. Most refusals list them; a missing resource is named in the
 * message only: "image not found", "server type 99 not found".
 * @param {any} error
 * @param {string[]} known
 * @returns {string[]}
 */
function fieldsOf ({ message, details }, known) {
  const listed = (details?.fields ?? []).map((/** @type {any} */ { name }) => String(name).split(/[.[]/)[0])
  if (listed.length > 0) return listed
  return known.filter((name) => new RegExp(`\\b${name.replaceAll('_', '[_ ]')}\\b`, 'i').test(message))
}

/**
 * Converts an error response.
 * @param {HttpRequest['method']} method
 * @param {HttpResponse} response
 * @param {Details} details
 */
function toProblem (method, { status, headers, body }, { fields = {} }) {
  const error = /** @type {any} */ (body)?.error ?? {}
  const { code: name = null, message = `The cloud answered ${status}` } = error
  const code = toCode(name, status)
  const errors = code === 'provider_rejected' || code === 'resource_not_found'
    ? fieldsOf({ ...error, message }, Object.keys(fields)).flatMap((field) =>
      fields[field] === undefined ? [] : [{ in: /** @type {const} */ ('body'), pointer: fields[field], message }])
    : []
  return new ProblemError(errors.length > 0 ? 'validation_failed' : code, message, {
    provider_error: { code: name, message, request_id: headers['x-correlation-id'] ?? null },
    errors: errors.length > 0 ? errors : undefined,
    retry_after: code === 'provider_rate_limited' ? retryAfterOf(headers) : undefined,
    outcomeUnknown: isOutcomeUnknown({ read: method === 'GET', answer: status })
  })
}

/** Converts an action of the cloud that has failed. @param {any} action */
export function toFailure ({ command, error }) {
  const { code: name = null, message = `${command} failed` } = error ?? {}
  return new ProblemError(codeByName[name ?? ''] ?? 'provider_error', message, {
    provider_error: { code: name, message, request_id: null }
  })
}

/** Items of a page that the cloud returns at most: https://docs.hetzner.cloud/reference/cloud#pagination */
const maxPageSize = 50

/** Milliseconds between two looks at an action: the first and the longest. */
const firstPause = 100
const longestPause = 2000

/**
 * The HTTP client of the cloud. That of the context has the deadline of each call, retries of reads, and the limit of
 * parallel requests.
 * @param {string} endpoint the address of the API with its version
 * @param {string} token
 * @param {Context} context
 */
export function createClient (endpoint, token, context) {
  const http = context.http({})

  /**
   * @param {HttpRequest['method']} method
   * @param {string} path
   * @param {Call} call
   * @param {Details} [details]
   * @returns {Promise<any>}
   */
  async function send (method, path, call, details = {}) {
    const { query, body } = details
    const headers = { authorization: `Bearer ${token}` }
    const response = await http.request({ method, url: `${endpoint}${path}`, query, headers, body }, call)
    if (response.status >= 400) throw toProblem(method, response, details)
    return response.body
  }

  /**
   * Reads one page of a list; the name of the list in the response is that of the path. The token is the page number.
   * @param {string} path
   * @param {{ limit: number, token: string | null }} list
   * @param {Record<string, unknown>} filters
   * @param {Call} call
   * @returns {Promise<{ items: any[], next: string | null, total?: number }>}
   */
  async function readPage (path, { limit, token: page }, filters, call) {
    const query = { page: page ?? '1', per_page: String(Math.min(limit, maxPageSize)), ...filters }
    const body = await send('GET', path, call, { query })
    const { next_page: next, total_entries: total } = body.meta.pagination
    return {
      items: body[path.slice(1)], next: next === null ? null : String(next), ...total === null ? {} : { total }
    }
  }

  /**
   * Waits for the end of an action. Throws its error.
   * Source: https://docs.hetzner.cloud/reference/cloud#actions
   * @param {any} action
   * @param {Call} call
   */
  async function settle (action, call) {
    let current = action
    for (let pause = firstPause; current.status === 'running'; pause = Math.min(pause * 2, longestPause)) {
      try {
        await sleep(pause, undefined, { signal: call.signal })
        current = (await send('GET', `/actions/${action.id}`, call)).action
      } catch (error) {
        // The action goes on at the cloud.
        const reason = /** @type {any} */ (call.signal.aborted ? call.signal.reason : error)
        throw typeof reason.with === 'function' ? reason.with({ outcomeUnknown: true }) : reason
      }
    }
    if (current.status === 'error') throw toFailure(current)
  }

  return {
    send,
    readPage,
    settle,
    /**
     * Reads all pages of a list.
     * @param {string} path
     * @param {Record<string, unknown>} filters
     * @param {Call} call
     * @returns {Promise<any[]>}
     */
    readList: (path, filters, call) =>
      readAll((token) => readPage(path, { limit: maxPageSize, token }, filters, call)),
    close: () => http.close()
  }
}
