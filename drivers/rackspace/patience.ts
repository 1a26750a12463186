import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from '../call.ts'
import { parseRetryAfter, type HttpClient, type HttpRequest, type HttpResponse } from '../http.ts'
import { problemOf } from '../openstack/base.ts'

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

/** Some limits tell the moment in their body only: `{"overLimit": {"retryAfter": "2026-01-31T12:00:00Z"}}`. */
function withRetryAfter (response: HttpResponse): HttpResponse {
  const { status, headers, body } = response
  if (status !== 413 || headers['retry-after'] !== undefined) return response
  const { overLimit } = (body ?? {}) as { overLimit?: { retryAfter?: unknown } }
  return typeof overLimit?.retryAfter === 'string' ? { ...response, headers: { ...headers, 'retry-after': overLimit.retryAfter } } : response
}
