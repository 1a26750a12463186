import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from '../call.ts'
import { parseRetryAfter, type HttpClient, type HttpRequest, type HttpResponse } from '../http.ts'
import { problemOf } from '../openstack/public.ts'

const most = 3

/**
 * Waits where Rackspace says that there were too many requests: 413 `overLimit` with `Retry-After`. Such a request was
 * not looked at, so a change is repeated too. Never waits longer than half of `timeout` (milliseconds) in all: then the
 * refusal is the answer.
 */
export function waitOverLimit (http: HttpClient, timeout: number): HttpClient {
  const request = async (asked: HttpRequest, call: Call): Promise<HttpResponse> => {
    let patience = timeout / 2
    for (let tries = 0; ; tries++) {
      const response = withRetryAfter(await http.request(asked, call))
      const wait = waitOf(response)
      // What has been read of a stream is gone.
      if (wait === undefined || wait > patience || tries === most || asked.stream !== undefined) return response
      patience -= wait
      try {
        // Those who wait together do not come back together.
        await delay(wait + Math.random() * 50, undefined, { signal: call.signal })
      } catch {
        return response
      }
    }
  }
  return { request, close: () => http.close() }
}

/** Milliseconds to wait; undefined where the answer does not ask for that. */
function waitOf (response: HttpResponse) {
  if (response.status !== 413) return undefined
  const { code } = problemOf(response, { service: 'cloud', read: true })
  return code === 'provider_rate_limited' ? parseRetryAfter(response.headers['retry-after']) : undefined
}

/**
 * Some limits tell the moment in their body only: `{"overLimit": {"retryAfter": "54"}}` or a date, which one of Rackspace's
 * proxies calls `retryAt` and writes as `2012-11-14T21:51:28UTC`. Others are no limits of requests at all: `Maximum number
 * of metadata items exceeds 40` comes with `Retry-After: 0`, which misleads.
 */
function withRetryAfter (response: HttpResponse): HttpResponse {
  const { status, headers, body } = response
  if (status !== 413) return response
  const { overLimit } = (body ?? {}) as { overLimit?: { retryAfter?: unknown, retryAt?: unknown, message?: unknown } }
  if (/exceeds/i.test(String(overLimit?.message))) {
    const { 'retry-after': _, ...others } = headers
    return { ...response, headers: others }
  }
  if (headers['retry-after'] !== undefined) return response
  const told = overLimit?.retryAfter ?? overLimit?.retryAt
  return typeof told === 'string' ? { ...response, headers: { ...headers, 'retry-after': told.replace(/UTC$/, 'Z') } } : response
}
