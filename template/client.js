import { isOutcomeUnknown, parseRetryAfter, ProblemError } from 'cloud-orchestrator/driver'

/**
 * @typedef {import('cloud-orchestrator/driver').Call} Call
 * @typedef {import('cloud-orchestrator/driver').Context} Context
 * @typedef {import('cloud-orchestrator/driver').ProblemCode} ProblemCode
 * @typedef {import('cloud-orchestrator/driver').HttpRequest} HttpRequest
 * @typedef {ReturnType<typeof createClient>} Client
 */

/** @type {Record<number, ProblemCode>} */
const codeByStatus = {
  401: 'provider_auth_failed',
  403: 'provider_permission_denied',
  404: 'resource_not_found',
  409: 'invalid_state',
  422: 'provider_rejected',
  429: 'provider_rate_limited'
}

/** The codes of the cloud that say more than the status. @type {Record<string, ProblemCode>} */
const codeByName = { name_taken: 'already_exists', limit_exceeded: 'provider_quota_exceeded' }

/** The field of a request, by the name that the cloud has for it. @type {Record<string, string>} */
const pointerByField = { name: '/name', image: '/image_id', size: '/size_id', region: '/availability_zone' }

/**
 * Converts an error response to an error of the catalog. `outcomeUnknown` says whether a change may have been made.
 * @param {HttpRequest['method']} method
 * @param {import('cloud-orchestrator/driver').HttpResponse} response
 */
function toProblem (method, { status, headers, body }) {
  const { code = null, message = `The cloud answered ${status}`, field = '' } = /** @type {any} */ (body)?.error ?? {}
  const pointer = pointerByField[field]
  const retryAfter = parseRetryAfter(headers['retry-after'])
  const known = codeByName[code ?? ''] ?? codeByStatus[status] ?? 'provider_error'
  return new ProblemError(status === 422 && pointer !== undefined ? 'validation_failed' : known, message, {
    provider_error: { code, message, request_id: headers['x-request-id'] ?? null },
    errors: pointer === undefined ? undefined : [{ in: 'body', pointer, message }],
    retry_after: retryAfter === undefined ? undefined : retryAfter / 1000,
    outcomeUnknown: isOutcomeUnknown({ read: method === 'GET', answer: status })
  })
}

/**
 * The HTTP client of the cloud. That of the context has the deadline of each call, retries of reads, and the limit of
 * parallel requests.
 * @param {string} endpoint
 * @param {string} token
 * @param {Context} context
 */
export function createClient (endpoint, token, context) {
  const http = context.http({})
  return {
    /**
     * @param {HttpRequest['method']} method
     * @param {string} path with its query
     * @param {Call} call
     * @param {object} [input]
     * @returns {Promise<any>}
     */
    async send (method, path, call, input) {
      const { pathname, searchParams } = new URL(`${endpoint}/v1${path}`)
      const response = await http.request({
        method,
        url: new URL(pathname, endpoint).href,
        query: Object.fromEntries(searchParams),
        headers: { authorization: `Bearer ${token}` },
        body: input
      }, call)
      if (response.status >= 400) throw toProblem(method, response)
      return response.body
    },
    close: () => http.close()
  }
}

/**
 * Reads one page of a list. The token of a page is its number.
 * @param {Client} client
 * @param {string} path
 * @param {import('cloud-orchestrator/driver').ListQuery} list
 * @param {Record<string, string>} filters
 * @param {Call} call
 * @returns {Promise<{ items: any[], next: string | null, total: number }>}
 */
export async function readPage (client, path, { limit, token }, filters, call) {
  const query = new URLSearchParams({ page: token ?? '1', per_page: String(Math.min(limit, 50)), ...filters })
  const { items, next_page: next, total } = await client.send('GET', `${path}?${query}`, call)
  return { items, next: next === null ? null : String(next), total }
}
