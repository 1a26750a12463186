import { setTimeout as delay } from 'node:timers/promises'
import { parseRetryAfter, type HttpClient, type HttpResponse } from '../common/http.ts'
import { problemOf } from '../openstack/public.ts'

const maxRetries = 3

/**
 * Retries a request that was over the rate limit: Rackspace answers 413 `overLimit` with
 * `Retry-After`. It has not processed such a request, so a change is repeated too. The waits take
 * at most half of `timeout` (milliseconds) in all; after that the refusal is returned.
 */
export function retryOverLimit (http: HttpClient, timeout: number): HttpClient {
  return {
    async request (request, call) {
      let budget = timeout / 2
      for (let retries = 0; ; retries++) {
        const response = withRetryAfter(await http.request(request, call))
        const wait = waitOf(response, request.read ?? request.method === 'GET')
        // A stream cannot be sent again.
        if (
          wait === undefined || wait > budget || retries === maxRetries ||
          request.stream !== undefined
        ) {
          return response
        }
        budget -= wait
        try {
          // Jitter, so that requests that wait together do not return together.
          await delay(wait + Math.random() * 50, undefined, { signal: call.signal })
        } catch {
          return response
        }
      }
    },
    close: () => http.close()
  }
}

/** Milliseconds to wait; undefined if the answer is not over the rate limit. Only a change can exceed a quota. */
function waitOf (response: HttpResponse, read: boolean) {
  if (response.status !== 413) return undefined
  const { code } = problemOf(response, { service: 'cloud', read })
  return code === 'provider_rate_limited'
    ? parseRetryAfter(response.headers['retry-after'])
    : undefined
}

interface OverLimit {
  retryAfter?: unknown
  retryAt?: unknown
  message?: unknown
}

/**
 * Some limits have the time only in their body: `{"overLimit": {"retryAfter": "54"}}` or a date,
 * which one of Rackspace's proxies calls `retryAt` and writes as `2012-11-14T21:51:28UTC`. Others
 * are not rate limits: `Maximum number of metadata items exceeds 40` has a misleading `Retry-After:
 * 0`.
 */
function withRetryAfter (response: HttpResponse): HttpResponse {
  const { status, headers, body } = response
  if (status !== 413) return response
  const { overLimit = {} } = (body ?? {}) as { overLimit?: OverLimit }
  if (/exceeds/i.test(String(overLimit.message))) {
    const { 'retry-after': _, ...others } = headers
    return { ...response, headers: others }
  }
  const time = overLimit.retryAfter ?? overLimit.retryAt
  if (headers['retry-after'] !== undefined || typeof time !== 'string') return response
  return { ...response, headers: { ...headers, 'retry-after': time.replace(/UTC$/, 'Z') } }
}
