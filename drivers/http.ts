import type { Agent, Dispatcher } from 'undici'
import { ProblemError } from '../openapi/model/index.ts'
import type { Call } from './call.ts'
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
  request (request: HttpRequest, call: Call): Promise<HttpResponse>
  close (): Promise<void>
}

/** Error codes that prove that nothing was sent: any request may be retried after them. */
const unsentCodes = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'
])
/** Error codes of a lost connection: only reads are retried after them. */
const connectionLostCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const retryableStatuses = new Set([429, 500, 502, 503, 504])
const maxRetries = 3
/** Bytes of the largest response that is read. */
export const maxBodySize = 64 * 1024 * 1024

/** The headers in which clouds send their own id of a request, for their support. */
const requestIdHeaders = ['x-openstack-request-id', 'x-compute-request-id', 'x-order-request-id', 'x-request-id']

/** A retry costs one, a request earns a tenth. So a cloud in trouble gets at most a tenth more calls. */
function createRetryBudget () {
  const maximum = 10
  let left = maximum
  return {
    earn () { left = Math.min(maximum, left + 0.1) },
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

/** A request on its way. */
interface Attempt {
  read: boolean
  /** Whether a connection has begun to send it. */
  sent: boolean
}

type HandlerClass = new (handler: Dispatcher.DispatchHandler) => {
  onRequestStart (controller: Dispatcher.DispatchController, context: unknown): void
}

type AttemptOptions = Dispatcher.RequestOptions & { attempt: Attempt }

/** Whether an error proves that nothing was sent. */
export const isUnsent = (error: unknown) => unsentCodes.has(codeOf(error))

const codeOf = (error: unknown): string => {
  const { code, cause, errors } = (error ?? {}) as { code?: string, cause?: unknown, errors?: unknown[] }
  if (typeof code === 'string') return code
  if (cause !== undefined) return codeOf(cause)
  return errors?.[0] === undefined ? '' : codeOf(errors[0])
}

/** Creates the HTTP client of a cloud: a pool of connections, retries within a budget, a limit of parallel requests. */
export function createHttpClient (
  { timeout, maxInFlight, limit = createLimiter(maxInFlight), ca, verify = true, userAgent, mask = (text) => text }:
  HttpOptions
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
    const { Agent, DecoratorHandler, interceptors } = await import('undici')

    // Its types lack its methods.
    const Handler = DecoratorHandler as unknown as HandlerClass

    /** undici calls `onRequestStart` when a connection exists, before it writes the first byte. */
    class SendingHandler extends Handler {
      readonly #attempt: Attempt

      constructor (handler: Dispatcher.DispatchHandler, attempt: Attempt) {
        super(handler)
        this.#attempt = attempt
      }

      override onRequestStart (controller: Dispatcher.DispatchController, context: unknown) {
        this.#attempt.sent = true
        super.onRequestStart(controller, context)
      }
    }

    const agent = new Agent({
      connections: maxInFlight,
      // The deadline of the call applies. The timeouts of undici are up to half a second late.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: maxBodySize,
      keepAliveTimeout: 30_000,
      connect: { timeout: Math.min(timeout / 2, 10_000), rejectUnauthorized: verify, ca }
    })
    const sender = agent.compose((dispatch) => (options, handler) =>
      dispatch(options, new SendingHandler(handler, (options as AttemptOptions).attempt)))
    const dispatcher = sender.compose(interceptors.retry({
      throwOnError: false,
      retry (error, { state, opts }, done) {
        const { statusCode, headers } = error as { statusCode?: number, headers?: Record<string, string> }
        const { attempt } = opts as unknown as AttemptOptions
        const delay = retryDelay(state.counter, headers)
        const isAllowed = mayRetry(error, statusCode, attempt) && state.counter <= maxRetries
        if (!isAllowed || delay === undefined || !budget.spend()) return done(error)
        setTimeout(() => done(null), delay)
      }
    }))
    return { agent, sender, dispatcher }
  }
  let connected: Promise<{ agent: Agent, sender: Dispatcher, dispatcher: Dispatcher }> | undefined

  const send = async (
    { method, url, query, headers, body, stream }: HttpRequest, attempt: Attempt, call: Call
  ) => {
    const options: AttemptOptions = {
      origin: new URL(url).origin,
      path: withQuery(url, query),
      method,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        'content-type': body === undefined ? undefined : 'application/json',
        traceparent: call.traceparent,
        ...headers
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: call.signal,
      attempt
    }
    const { sender, dispatcher } = await (connected ??= connect())
    const started = performance.now()
    const response = stream === undefined
      ? await dispatcher.request(options)
      : await sendStream(sender, options, stream, call)
    const text = await response.body.text()
    const elapsed = Math.round(performance.now() - started)
    call.log.debug({ method, url, status: response.statusCode, elapsed_ms: elapsed }, 'call to the cloud')
    const status = response.statusCode
    const received = flatten(response.headers)
    if (status < 400) return { status, headers: received, text }
    const masked = Object.entries(received).map(([key, value]) => [key, mask(value)] as const)
    return { status, headers: Object.fromEntries(masked), text: mask(text) }
  }

  /** Sends without retries: the part of a stream that was read cannot be sent again. */
  const sendStream = async (
    sender: Dispatcher, options: AttemptOptions, stream: AsyncIterable<Uint8Array>, call: Call
  ) => {
    const { body, signal, end } = watchStream(stream, timeout, call.signal)
    try {
      return await sender.request({ ...options, body, signal } as AttemptOptions)
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
      const id = read ? undefined : requestIdHeaders.map((name) => headers[name]).find((value) => value !== undefined)
      if (id !== undefined) call.noteRequestId?.(id.slice(0, 128))
      const isPlainAccepted = status === 202 && /^text\/plain\b/i.test(headers['content-type'] ?? '')
      return { status, headers, body: isPlainAccepted ? undefined : parse(text, status, read) }
    },
    close: async () => (await connected)?.agent.destroy()
  }
}

function withQuery (url: string, query: Record<string, unknown> = {}) {
  const { pathname, searchParams } = new URL(url)
  for (const [key, value] of Object.entries(query)) {
    const values: unknown[] = Array.isArray(value) ? value : [value]
    for (const item of values) {
      if (item !== undefined && item !== null) searchParams.append(key, String(item))
    }
  }
  const search = searchParams.toString()
  return search === '' ? pathname : `${pathname}?${search}`
}

const flatten = (headers: Record<string, string | string[] | undefined>) =>
  Object.fromEntries(Object.entries(headers).map(([key, value]) =>
    [key, Array.isArray(value) ? value.join(', ') : value ?? '']))

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
export function explainTransport (error: unknown, read: boolean, sent = !isUnsent(error)): ProblemError {
  const code = codeOf(error)
  if (isUnsent(error)) {
    const outcomeUnknown = isOutcomeUnknown({ read, answer: sent ? 'lost' : 'unsent' })
    return new ProblemError('provider_unavailable', `The cloud cannot be reached (${code})`, {
      cause: error, outcomeUnknown
    })
  }
  if (code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SIGNED')) {
    return new ProblemError('provider_unavailable', `The certificate of the cloud is not trusted (${code})`, {
      cause: error,
      hint: 'Set `cacert` to the certificate authority of this cloud, or `verify: false` if that is safe.'
    })
  }
  const problemCode = connectionLostCodes.has(code) ? 'provider_unavailable' : 'provider_error'
  const suffix = code === '' ? '' : ` (${code})`
  return new ProblemError(problemCode, `The connection to the cloud broke before the response was complete${suffix}`, {
    cause: error, outcomeUnknown: isOutcomeUnknown({ read, answer: sent ? 'lost' : 'unsent' })
  })
}
