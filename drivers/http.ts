import type { Agent, Dispatcher } from 'undici'
import { ProblemError } from '../openapi/model/index.ts'
import type { Call } from './call.ts'
import { createLimiter } from './limiter.ts'
import { watchStream } from './stream.ts'

export interface HttpOptions {
  /** Milliseconds that a call may take in all; connecting gets at most half of it. */
  timeout: number
  maxInFlight: number
  /** PEM of a certificate authority to trust, beside or instead of the system's. */
  ca?: string
  /** Whether to check the server's certificate; true where not given. */
  verify?: boolean
  userAgent: string
}

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute, without a query. */
  url: string
  query?: Record<string, unknown>
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it comes, in the place of `body`, and never twice. It must not stand still for longer than a call may take. */
  stream?: AsyncIterable<Uint8Array>
  /** Whether it changes nothing and may be repeated; true for GET and HEAD where not given. */
  read?: boolean
}

export interface HttpResponse {
  status: number
  headers: Record<string, string>
  /** The parsed JSON; undefined where the body is empty, says `202 Accepted` in plain words, or, with an error status, is not JSON. */
  body: unknown
}

export interface HttpClient {
  /**
   * Sends one request and reads its whole answer, of any status. Throws ProblemError: provider_unavailable (no
   * connection), provider_timeout (deadline), provider_error (connection lost, or a 2xx that is not JSON). Of a change,
   * `outcomeUnknown` tells whether a byte of it may have reached the cloud.
   */
  request (request: HttpRequest, call: Call): Promise<HttpResponse>
  close (): Promise<void>
}

/** Errors that say that nothing was sent: any request may be repeated after them. */
const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])
/** Errors of a connection that was there: only reads are repeated. */
const broken = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', ...unsent])
const busy = new Set([429, 500, 502, 503, 504])
const maxRetries = 3
const maxBody = 64 * 1024 * 1024

/** Retries cost one each and requests earn a tenth, so that a cloud in trouble gets at most a tenth more calls. */
function createBudget () {
  const most = 10
  let left = most
  return {
    earn () { left = Math.min(most, left + 0.1) },
    spend () {
      if (left < 1) return false
      left--
      return true
    }
  }
}

/** Seconds or a date, as milliseconds from now; undefined where it is neither. */
export function parseRetryAfter (value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const seconds = Number(value)
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** Whether an error says that nothing was sent. */
export const isUnsent = (error: unknown) => unsent.has(codeOf(error))

const codeOf = (error: unknown): string => {
  const { code, cause, errors } = error as { code?: string, cause?: unknown, errors?: unknown[] }
  if (typeof code === 'string') return code
  if (cause !== undefined) return codeOf(cause)
  return errors?.[0] === undefined ? '' : codeOf(errors[0])
}

/** The one HTTP client for clouds: a pool of connections, retries within a budget, a limit of requests in flight. */
export function createHttpClient ({ timeout, maxInFlight, ca, verify = true, userAgent }: HttpOptions): HttpClient {
  const budget = createBudget()
  const limit = createLimiter(maxInFlight)

  /** Full jitter on 100, 200, 400 ms, or as long as the cloud says; none where that would outlast the deadline. */
  const delayOf = (counter: number, headers: unknown) => {
    const told = parseRetryAfter((headers as Record<string, string> | undefined)?.['retry-after'])
    if (told !== undefined) return told > timeout / 2 ? undefined : told
    return Math.random() * 100 * 2 ** (counter - 1)
  }

  /** Loaded with the first request: a farm whose clouds are not asked over HTTP by this client does without undici's 20 MB. */
  const connect = async () => {
    const { Agent, interceptors } = await import('undici')
    const agent = new Agent({
      connections: maxInFlight,
      // The deadline of the call rules; undici's own timeouts are up to half a second late.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: maxBody,
      keepAliveTimeout: 30_000,
      connect: { timeout: Math.min(timeout / 2, 10_000), rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca }) }
    })
    const dispatcher = agent.compose(interceptors.retry({
      throwOnError: false,
      retry (error, { state, opts }, done) {
        const { statusCode, headers } = error as unknown as { statusCode?: number, headers?: unknown }
        const read = (opts as unknown as { read: boolean }).read
        const again = statusCode === undefined ? (read ? broken : unsent).has(codeOf(error)) : read && busy.has(statusCode)
        const delay = delayOf(state.counter, headers)
        if (!again || delay === undefined || state.counter > maxRetries || !budget.spend()) return done(error)
        setTimeout(() => done(null), delay)
      }
    }))
    return { agent, dispatcher }
  }
  let connected: Promise<{ agent: Agent, dispatcher: Dispatcher }> | undefined

  const send = async ({ method, url, query, headers, body, stream }: HttpRequest, read: boolean, call: Call) => {
    const options: Dispatcher.RequestOptions & { read: boolean } = {
      origin: new URL(url).origin,
      path: withQuery(url, query),
      method,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: call.signal,
      read
    }
    const { agent, dispatcher } = await (connected ??= connect())
    const started = performance.now()
    const response = await (stream === undefined ? dispatcher.request(options) : sendStream(agent, options, stream, call))
    const text = await response.body.text()
    const elapsed = Math.round(performance.now() - started)
    call.log.debug({ method, url, status: response.statusCode, elapsed_ms: elapsed }, 'call to the cloud')
    return { status: response.statusCode, headers: flat(response.headers), text }
  }

  /** Without retries: what has been read of a stream cannot be sent again. */
  const sendStream = async (agent: Agent, options: Dispatcher.RequestOptions, stream: AsyncIterable<Uint8Array>, call: Call) => {
    const { body, signal, end } = watchStream(stream, timeout, call.signal)
    try {
      return await agent.request({ ...options, body, signal })
    } catch (error) {
      throw signal.aborted && signal.reason instanceof ProblemError ? signal.reason : error
    } finally {
      end()
    }
  }

  return {
    async request (request, call) {
      const read = request.read ?? (request.method === 'GET' || request.method === 'HEAD')
      const { status, headers, text } = await limit(async () => {
        budget.earn()
        try {
          return await send(request, read, call)
        } catch (error) {
          throw explain(error, read, call)
        }
      }, call.signal)
      const acceptedInWords = status === 202 && /^text\/plain\b/i.test(headers['content-type'] ?? '')
      return { status, headers, body: acceptedInWords ? undefined : parse(text, status, read) }
    },
    close: async () => (await connected)?.agent.destroy()
  }
}

function withQuery (url: string, query: Record<string, unknown> = {}) {
  const { pathname, searchParams } = new URL(url)
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) searchParams.append(key, String(one))
  }
  const search = searchParams.toString()
  return search === '' ? pathname : `${pathname}?${search}`
}

const flat = (headers: Record<string, string | string[] | undefined>) =>
  Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : value ?? '']))

function parse (text: string, status: number, read: boolean) {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    // An HTML error page says no more than its status.
    if (status >= 300) return undefined
    throw new ProblemError('provider_error', 'The cloud answered with something that is not JSON', { cause, outcomeUnknown: !read })
  }
}

function explain (error: unknown, read: boolean, { signal }: Call) {
  const told = signal.aborted ? signal.reason : error
  const outcomeUnknown = !read && !isUnsent(error)
  if (told instanceof ProblemError) return new ProblemError(told.code, told.message, { cause: error, outcomeUnknown })
  return explainTransport(error, read)
}

/** A failure of the transport in the words of the catalogue: by the code of Node.js or of undici, in the error or its cause. */
export function explainTransport (error: unknown, read: boolean): ProblemError {
  const code = codeOf(error)
  const outcomeUnknown = !read && !isUnsent(error)
  if (unsent.has(code)) return new ProblemError('provider_unavailable', `The cloud cannot be reached (${code})`, { cause: error })
  if (code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SIGNED')) {
    return new ProblemError('provider_unavailable', `The certificate of the cloud is not trusted (${code})`, {
      cause: error, hint: 'Set `cacert` to the authority of this cloud, or `verify: false` where that is safe.'
    })
  }
  const unreachable = code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET'
  return new ProblemError(unreachable ? 'provider_unavailable' : 'provider_error',
    `The connection to the cloud broke before its answer was complete${code === '' ? '' : ` (${code})`}`, { cause: error, outcomeUnknown })
}
