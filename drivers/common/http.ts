import { stringify, type ParsedUrlQueryInput } from 'node:querystring'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Dispatcher } from 'undici'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import { exchange, type Attempt, type RawResponse } from './exchange.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { isOutcomeUnknown } from './outcome.ts'
import { watchStream } from './stream.ts'

export interface HttpOptions {
  /** Limits the parallel requests. Default: a limiter of `maxInFlight`. */
  limit?: Limiter
  /** Milliseconds that a call may take in all. At most half of it is for connecting. */
  timeout: number
  maxInFlight: number
  /** PEM of the certificate authorities to trust instead of the default ones. */
  ca?: string
  /** Whether to check the certificate of the cloud. Default: true. */
  verify?: boolean
  userAgent: string
  /**
   * Masks the secrets in an error response before anything reads it: a driver may cut a message within a secret.
   * Default: nothing is masked.
   */
  mask?: (text: string) => string
}

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute, without a query. */
  url: string
  query?: Record<string, unknown>
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it arrives, instead of `body`, and never retried. It must not stall for longer than `timeout`. */
  stream?: AsyncIterable<Uint8Array>
  /** Whether the request changes nothing and may be retried. Default: true for GET and HEAD. */
  read?: boolean
}

export interface HttpResponse {
  status: number
  headers: Record<string, string>
  /**
   * The parsed JSON. undefined if the body is empty, is plain text with the status 202, or is not JSON with an error
   * status.
   */
  body: unknown
}

export interface HttpClient {
  /**
   * Sends one request and reads its whole response, of any status. Throws ProblemError: provider_unavailable (no
   * connection), provider_timeout (deadline), provider_error (connection lost, or a 2xx that is not JSON). The
   * `outcomeUnknown` of a change says whether it may have been made: see outcome.ts.
   */
  request(request: HttpRequest, call: Call): Promise<HttpResponse>
  close(): Promise<void>
}

/** Error codes that prove that nothing was sent: any request may be retried after them. */
const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT'
])
/** Error codes of a lost connection: only reads are retried after them. */
const connectionLostCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const retryableStatuses = new Set([429, 500, 502, 503, 504])
const maxRetries = 3
/** Bytes of the largest response that is read. */
export const maxBodySize = 64 * 1024 * 1024

/** The headers in which clouds send their own id of a request, for their support. */
const requestIdHeaders = [
  'x-openstack-request-id',
  'x-compute-request-id',
  'x-order-request-id',
  'x-request-id'
]

/** A retry costs one, a request earns a tenth. So a cloud in trouble gets at most a tenth more calls. */
function createRetryBudget () {
  const maximum = 10
  let left = maximum
  return {
    earn () {
      left = Math.min(maximum, left + 0.1)
    },
    spend () {
      if (left < 1) return false
      left--
      return true
    }
  }
}

/** Converts seconds or a date to milliseconds from now; returns undefined for any other value. */
export function parseRetryAfter (value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const seconds = Number(value)
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** Whether an error proves that nothing was sent. */
export const isUnsent = (error: unknown) => unsentCodes.has(codeOf(error))

const codeOf = (error: unknown): string => {
  const { code, cause, errors } = (error ?? {}) as {
    code?: string
    cause?: unknown
    errors?: unknown[]
  }
  if (typeof code === 'string') return code
  if (cause !== undefined) return codeOf(cause)
  return errors?.[0] === undefined ? '' : codeOf(errors[0])
}

/** Creates the HTTP client of a cloud: a pool of connections, retries within a budget, a limit of parallel requests. */
export function createHttpClient (
  {
    timeout,
    maxInFlight,
    limit = createLimiter(maxInFlight),
    ca,
    verify = true,
    userAgent,
    mask = (text) => text
  }: HttpOptions
): HttpClient {
  const budget = createRetryBudget()

  /**
   * Milliseconds before a retry: `Retry-After`, or full jitter on 100, 200, 400 ms. undefined if the cloud demands a
   * wait of more than half of `timeout`.
   */
  const retryDelay = (counter: number, headers: Record<string, string> | undefined) => {
    const retryAfter = parseRetryAfter(headers?.['retry-after'])
    if (retryAfter !== undefined) return retryAfter > timeout / 2 ? undefined : retryAfter
    return Math.random() * 100 * 2 ** (counter - 1)
  }

  const mayRetry = (error: unknown, statusCode: number | undefined, { read, sent }: Attempt) => {
    if (statusCode !== undefined) return read && retryableStatuses.has(statusCode)
    return (isUnsent(error) && (read || !sent)) || (read && connectionLostCodes.has(codeOf(error)))
  }

  /** Loads undici with the first request: it takes 20 MB, which a server without HTTP clouds does not need. */
  const connect = async () => {
    const { Agent } = await import('undici')
    return new Agent({
      connections: maxInFlight,
      // The deadline of the call applies. The timeouts of undici are up to half a second late.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: maxBodySize,
      keepAliveTimeout: 30_000,
      connect: { timeout: Math.min(timeout / 2, 10_000), rejectUnauthorized: verify, ca }
    })
  }
  let connecting: Promise<Agent> | undefined
  let agent: Agent | undefined

  /** Waits before a retry. Resolves to false if the request is not to be retried. */
  const mayRepeat = async (
    retries: number,
    error: unknown,
    response: RawResponse | undefined,
    attempt: Attempt,
    { signal }: Call
  ) => {
    if (signal.aborted || retries >= maxRetries || !mayRetry(error, response?.status, attempt)) {
      return false
    }
    const delay = retryDelay(retries + 1, response?.headers)
    if (delay === undefined || !budget.spend()) return false
    await sleep(delay, undefined, { signal })
    return true
  }

  /** Sends a request, and repeats it within the budget of retries if that is safe. */
  const sendRepeatedly = async (
    options: Dispatcher.DispatchOptions,
    attempt: Attempt,
    call: Call
  ) => {
    for (let retries = 0; ; retries++) {
      let response: RawResponse | undefined
      let error: unknown
      if (!attempt.read) call.assertActive?.()
      try {
        response = await exchange(agent!, options, attempt, call.signal)
        if (response.status < 400) return response
      } catch (thrown) {
        error = thrown
      }
      if (await mayRepeat(retries, error, response, attempt, call)) continue
      if (response === undefined) throw error
      return response
    }
  }

  const send = async (
    { method, url, query, headers, body, stream }: HttpRequest,
    attempt: Attempt,
    call: Call
  ): Promise<RawResponse> => {
    const { origin, pathname, search } = new URL(url)
    const options: Dispatcher.DispatchOptions = {
      origin,
      path: withQuery(pathname, search, query),
      method,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        'content-type': body === undefined ? undefined : 'application/json',
        traceparent: call.traceparent,
        ...headers
      },
      body: body === undefined ? null : JSON.stringify(body)
    }
    agent ??= await (connecting ??= connect())
    const started = performance.now()
    const response = stream === undefined
      ? await sendRepeatedly(options, attempt, call)
      : await sendStream(agent, options, stream, attempt, call)
    const { status } = response
    const elapsed = Math.round(performance.now() - started)
    call.log.debug({ method, url, status, elapsed_ms: elapsed }, 'call to the cloud')
    if (status < 400) return response
    const masked = Object.entries(response.headers).map(([key, value]) =>
      [key, mask(value)] as const
    )
    return { status, headers: Object.fromEntries(masked), text: mask(response.text) }
  }

  /** Sends without retries: the part of a stream that was read cannot be sent again. */
  const sendStream = async (
    agent: Agent,
    options: Dispatcher.DispatchOptions,
    stream: AsyncIterable<Uint8Array>,
    attempt: Attempt,
    call: Call
  ) => {
    call.assertActive?.()
    const { body, signal, end } = watchStream(stream, timeout, call.signal)
    try {
      return await exchange(agent, { ...options, body }, attempt, signal)
    } catch (error) {
      throw signal.aborted && signal.reason instanceof ProblemError ? signal.reason : error
    } finally {
      end()
    }
  }

  return {
    async request (request, call) {
      const read = request.read ?? (request.method === 'GET' || request.method === 'HEAD')
      const attempt: Attempt = { read, sent: false }
      // A call that leaves the line throws the reason of its signal, whose outcome is certain.
      const { status, headers, text } = await limit(async () => {
        budget.earn()
        try {
          return await send(request, attempt, call)
        } catch (error) {
          throw explain(error, attempt, call)
        }
      }, call.signal)
      const id = read
        ? undefined
        : requestIdHeaders.map((name) => headers[name]).find((value) => value !== undefined)
      if (id !== undefined) call.noteRequestId?.(id.slice(0, 128))
      const isPlainAccepted = status === 202 &&
        /^text\/plain\b/i.test(headers['content-type'] ?? '')
      return { status, headers, body: isPlainAccepted ? undefined : parse(text, status, read) }
    },
    close: async () => (await connecting)?.destroy()
  }
}

/** Appends parameters to those that the URL has. Leaves out undefined and null, and repeats a list. */
function withQuery (pathname: string, search: string, query: Record<string, unknown> = {}) {
  const given: ParsedUrlQueryInput = {}
  for (const key in query) {
    const value = query[key]
    const values = Array.isArray(value)
      ? value.filter((item) => item !== undefined && item !== null)
      : value
    if (values !== undefined && values !== null) given[key] = values as string
  }
  const added = stringify(given).replaceAll('%20', '+')
  if (added === '') return pathname + search
  return `${pathname}${search === '' ? '?' : `${search}&`}${added}`
}

function parse (text: string, status: number, read: boolean) {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    // An HTML error page has no more information than its status.
    if (status >= 300) return undefined
    // The error of the parser is not the cause: it quotes a part of the text, which may be a part of a secret.
    throw new ProblemError('provider_error', 'The response of the cloud is not JSON', {
      outcomeUnknown: isOutcomeUnknown({ read, answer: 'malformed' })
    })
  }
}

function explain (error: unknown, { read, sent }: Attempt, { signal }: Call) {
  const reason: unknown = signal.aborted ? signal.reason : error
  const outcomeUnknown = isOutcomeUnknown({ read, answer: sent ? 'lost' : 'unsent' })
  if (reason instanceof ProblemError) return reason.with({ cause: error, outcomeUnknown })
  return explainTransport(error, read, sent)
}

/**
 * Converts an error of the transport to one of the catalog, by the code of Node.js or undici in it or its cause. By
 * default the code also decides whether the request was `sent`.
 */
export function explainTransport (
  error: unknown,
  read: boolean,
  sent = !isUnsent(error)
): ProblemError {
  const code = codeOf(error)
  if (isUnsent(error)) {
    const outcomeUnknown = isOutcomeUnknown({ read, answer: sent ? 'lost' : 'unsent' })
    return new ProblemError('provider_unavailable', `The cloud cannot be reached (${code})`, {
      cause: error,
      outcomeUnknown
    })
  }
  if (code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SIGNED')) {
    return new ProblemError(
      'provider_unavailable',
      `The certificate of the cloud is not trusted (${code})`,
      {
        cause: error,
        hint:
          'Set `cacert` to the certificate authority of this cloud, or `verify: false` if that is safe.'
      }
    )
  }
  const problemCode = connectionLostCodes.has(code) ? 'provider_unavailable' : 'provider_error'
  const suffix = code === '' ? '' : ` (${code})`
  return new ProblemError(
    problemCode,
    `The connection to the cloud broke before the response was complete${suffix}`,
    {
      cause: error,
      outcomeUnknown: isOutcomeUnknown({ read, answer: sent ? 'lost' : 'unsent' })
    }
  )
}
