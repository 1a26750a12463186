import { setMaxListeners } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo, Socket } from 'node:net'
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestOptions,
  ServerResponse
} from 'node:http'

/** The requests that a rule applies to. A missing field matches all. */
export interface FaultMatch {
  /** the name of the target, as given to `startFaultProxy` */
  target?: string
  method?: string
  /** a string is the whole path without its query; a RegExp sees the query too */
  path?: RegExp | string
  /** for a proxy with `manners`: a part of the body */
  content?: RegExp
  /** how many requests the rule applies to; all by default */
  times?: number
  /** how many matching requests it passes first; later rules may apply to them */
  skip?: number
}

/** The fault. One of these; `delay` may come before any, `status` goes with `html` and `empty` too. */
export interface FaultEffect {
  /** milliseconds before the rest; if the client disconnects meanwhile, the request is not forwarded */
  delay?: number
  /** takes the request and never answers; the socket is held until the rule is removed */
  hang?: true
  /** forwards, sends the head and half of the body, then holds the socket; an answer that has no body passes */
  hangBody?: true
  /** resets the connection, without forwarding */
  reset?: true
  /** forwards, lets the upstream finish, then closes the connection without an answer */
  swallow?: true
  /** forwards, and never answers */
  swallowHang?: true
  /** answers with this status, without forwarding */
  status?: number
  headers?: OutgoingHttpHeaders
  /** an object is sent as JSON */
  body?: string | object
  /** answers with an HTML page, without forwarding */
  html?: true
  /** answers with an empty body, without forwarding */
  empty?: true
  /**
   * forwards, announces the whole body, sends half of it and closes the connection; an answer that has no body passes
   */
  truncate?: true
  /** forwards, and changes the body of the answer */
  rewrite?: (body: string) => string
}

export type FaultRule = FaultMatch & FaultEffect

/** A rule in force. */
export interface FaultHandle {
  /** how many requests it has been applied to */
  readonly hits: number
  /** removes the rule and releases its sockets */
  remove (): void
}

/** A request, and its responses so far. */
export interface FaultRecord {
  target: string
  method: string
  /** with the query */
  path: string
  headers: IncomingHttpHeaders
  /** the body of the request; '' in a proxy without `manners`, which does not read it */
  content: string
  /** the status that the client received; null before that */
  status: number | null
  /** the status of the complete response of the upstream; null before that */
  upstreamStatus: number | null
  /** whether the client has the whole response, or the connection is closed */
  ended: boolean
}

/** A request on its way to its target. */
export type Passing = Pick<FaultRecord, 'target' | 'method' | 'path' | 'headers' | 'content'>

/** An answer on its way to the client. */
export interface Passed {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/**
 * Answers requests instead of the target or before it: `pass` asks the target, as often as it is
 * called.
 */
export type Manners = (request: Passing, pass: (request: Passing) => Promise<Passed>) => Promise<Passed>

export interface FaultProxyOptions {
  targets: Record<string, string>
  /** keeps the client's Host, which may be signed; by default it is the target's */
  keepHost?: boolean
  /**
   * stands between the rules and the targets: what a rule forwards goes through it, each request and answer read to its
   * end
   */
  manners?: Manners
}

export interface FaultProxy {
  /** the address of the proxy for each target */
  urls: Record<string, string>
  /** Adds a rule. The first one in force that matches a request is applied to it. */
  addRule (rule: FaultRule): FaultHandle
  /** removes all rules */
  clear (): void
  /** every request so far, oldest first */
  requests: FaultRecord[]
  resetRequests (): void
  /** closes the servers, the connections and all requests */
  close (): Promise<void>
}

interface LiveRule {
  rule: FaultRule
  effect: Effect
  seen: number
  hits: number
  /** aborted when the rule is removed */
  gone: AbortController
}

interface Upstream {
  name: string
  origin: string
  url: string
}

/** A response of a target or of `manners`. */
type Answer = Readable & { statusCode?: number | undefined, headers: IncomingHttpHeaders }

interface Exchange {
  upstream: Upstream
  req: IncomingMessage
  res: ServerResponse
  record: FaultRecord
  live: LiveRule | undefined
}

const exclusive = [
  'hang',
  'hangBody',
  'reset',
  'swallow',
  'swallowHang',
  'html',
  'empty',
  'truncate',
  'rewrite'
] as const
type Effect = typeof exclusive[number] | 'status' | 'delay'

/** Headers of one connection, not of the message. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

/**
 * Starts a proxy that stands between a driver and its cloud and makes faults by rule: one port of its own for each
 * target. Without a rule it passes everything on; the upstreams' origins in JSON bodies and in headers become its own,
 * so that a service catalog and links to a next page lead back through it.
 */
export async function startFaultProxy (options: FaultProxyOptions): Promise<FaultProxy> {
  const rules: LiveRule[] = []
  const requests: FaultRecord[] = []
  const held = new Set<Socket>()
  const closing = quietController()
  const agent = new http.Agent({ keepAlive: true })
  const upstreams: Upstream[] = []
  const servers: http.Server[] = []

  for (const [name, target] of Object.entries(options.targets)) {
    const upstream = { name, origin: originOf(target), url: '' }
    const server = http.createServer((req, res) => { serve(upstream, req, res).catch(() => { req.socket.destroy() }) })
    // No time limits of its own: a closed idle connection would be a fault without a rule.
    Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 })
    server.listen(0, '127.0.0.1')
    await new Promise((resolve, reject) => { server.once('listening', resolve).once('error', reject) })
    upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    upstreams.push(upstream)
    servers.push(server)
  }
  const toOwn = originRewriter(upstreams)

  async function serve (upstream: Upstream, req: IncomingMessage, res: ServerResponse) {
    const { method = 'GET', url: path = '/', headers } = req
    // Tests break connections on purpose.
    res.on('error', () => {})
    req.on('error', () => {})
    const content = options.manners === undefined ? '' : String(await drain(req))
    const record: FaultRecord = {
      target: upstream.name,
      method,
      path,
      headers,
      content,
      status: null,
      upstreamStatus: null,
      ended: false
    }
    requests.push(record)
    res.once('close', () => { record.ended = true })
    const live = pickRule(rules, record)
    const exchange = { upstream, req, res, record, live }
    if (live?.rule.delay !== undefined) {
      await sleep(live.rule.delay, undefined, { signal: AbortSignal.any([live.gone.signal, closing.signal]) }).catch(
        () => {}
      )
      if (closing.signal.aborted || req.socket.destroyed) return
    }
    await apply(exchange)
  }

  async function apply (exchange: Exchange) {
    const { req, record, live } = exchange
    switch (live?.effect) {
      case 'hang':
        req.resume()
        return hold(exchange)
      case 'reset':
        return req.socket.resetAndDestroy()
      case 'status':
      case 'html':
      case 'empty':
        req.resume()
        return answer(exchange, live.rule, live.effect)
      default:
    }
    const response =
      options.manners === undefined ? await forward(exchange) : await throughManners(exchange, options.manners)
    if (live?.effect === 'swallow' || live?.effect === 'swallowHang') {
      await drain(response)
      record.upstreamStatus = response.statusCode ?? 0
      if (live.effect === 'swallow') req.socket.destroy()
      else hold(exchange)
      return
    }
    await passOn(exchange, response)
  }

  /** Sends the request on; resolves with the head of the answer. */
  async function forward ({ upstream, req }: Exchange): Promise<IncomingMessage> {
    if (req.destroyed && !req.complete) throw new Error('the client has left')
    const bodiless = !req.headers['transfer-encoding'] && !Number(req.headers['content-length'] ?? 0)
    const repeatable = bodiless && (req.method === 'GET' || req.method === 'HEAD')
    const url = new URL(req.url ?? '/', upstream.origin)
    const sent: RequestOptions = {
      method: req.method ?? 'GET',
      headers: { ...endToEnd(req.headers), ...hostOf(url), 'accept-encoding': 'identity' },
      // An upstream may close an idle connection just as it is used again. Only what can be repeated takes that risk.
      agent: repeatable ? agent : false,
      signal: closing.signal
    }
    if (req.headers['transfer-encoding']) sent.headers = { ...sent.headers, 'transfer-encoding': 'chunked' }
    try {
      return await send(url, sent, req)
    } catch (error) {
      if (!repeatable || !(error as { reused?: boolean }).reused) throw error
      return await send(url, { ...sent, agent: false }, req)
    }
  }

  const hostOf = ({ host }: URL) => options.keepHost === true ? {} : { host }

  async function throughManners ({ upstream, record }: Exchange, manners: Manners): Promise<Answer> {
    const { target, method, path, headers, content } = record
    const {
      status,
      headers: answered,
      body
    } = await manners({ target, method, path, headers, content }, async (request) => {
      const url = new URL(request.path, upstream.origin)
      const { 'content-length': _, ...kept } = endToEnd(request.headers)
      const length = request.content === '' ? {} : { 'content-length': Buffer.byteLength(request.content) }
      const response = await send(
        url,
        {
          method: request.method,
          headers: { ...kept, ...hostOf(url), 'accept-encoding': 'identity', ...length },
          agent: false,
          signal: closing.signal
        },
        request.content
      )
      return { status: response.statusCode ?? 0, headers: response.headers, body: String(await drain(response)) }
    })
    const made = { ...answered, 'content-length': String(Buffer.byteLength(body)) }
    return Object.assign(Readable.from([Buffer.from(body)]), { statusCode: status, headers: made })
  }

  async function passOn (exchange: Exchange, response: Answer) {
    const { req, live } = exchange
    const isJson = /json/i.test(response.headers['content-type'] ?? '')
    const bodiless = req.method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304
    const changed = isJson || live?.effect === 'rewrite' || live?.effect === 'hangBody' || live?.effect === 'truncate'
    return changed && !bodiless ? await passChanged(exchange, response, isJson) : await stream(exchange, response)
  }

  async function stream ({ res, record }: Exchange, response: Answer) {
    const status = response.statusCode ?? 0
    response.once('end', () => { record.upstreamStatus = status })
    if (res.destroyed) {
      await drain(response)
      return
    }
    record.status = status
    res.writeHead(status, mapValues(endToEnd(response.headers), toOwn))
    await pipeline(response, res)
  }

  async function passChanged (exchange: Exchange, response: Answer, isJson: boolean) {
    const { req, res, record, live } = exchange
    const status = response.statusCode ?? 0
    let body = await drain(response)
    record.upstreamStatus = status
    if (res.destroyed) return
    if (isJson) body = Buffer.from(toOwn(body.toString()))
    if (live?.rule.rewrite) body = Buffer.from(live.rule.rewrite(body.toString()))
    record.status = status
    res.writeHead(status, { ...mapValues(endToEnd(response.headers), toOwn), 'content-length': body.length })
    if (live?.effect !== 'hangBody' && live?.effect !== 'truncate') {
      res.end(body)
      return
    }
    const half = body.subarray(0, body.length >> 1)
    res.flushHeaders()
    if (half.length) await new Promise(resolve => { res.write(half, resolve) })
    if (live.effect === 'hangBody') hold(exchange)
    else req.socket.destroy()
  }

  function hold ({ req, live }: Exchange) {
    if (!live || live.gone.signal.aborted || closing.signal.aborted) {
      req.socket.destroy()
      return
    }
    held.add(req.socket)
    const release = () => { req.socket.destroy() }
    live.gone.signal.addEventListener('abort', release)
    req.socket.once('close', () => {
      held.delete(req.socket)
      live.gone.signal.removeEventListener('abort', release)
    })
  }

  function addRule (rule: FaultRule): FaultHandle {
    const live: LiveRule = { rule, effect: effectOf(rule), seen: 0, hits: 0, gone: quietController() }
    if (rule.target !== undefined && !upstreams.some(({ name }) => name === rule.target)) {
      throw new Error(`fault proxy: no target named ${rule.target}`)
    }
    rules.push(live)
    return {
      get hits () { return live.hits },
      remove () { drop(live) }
    }
  }

  function drop (live: LiveRule) {
    const at = rules.indexOf(live)
    if (at >= 0) rules.splice(at, 1)
    live.gone.abort()
  }

  function clear () {
    for (const live of [...rules]) drop(live)
  }

  async function close () {
    closing.abort()
    clear()
    for (const socket of held) socket.destroy()
    agent.destroy()
    await Promise.all(servers.filter(server => server.listening).map(server => new Promise(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })))
  }

  return {
    urls: Object.fromEntries(upstreams.map(({ name, url }) => [name, url])),
    addRule,
    clear,
    requests,
    resetRequests: () => { requests.length = 0 },
    close
  }
}

/** Many requests can listen to its signal. */
function quietController (): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}

function originOf (target: string): string {
  const url = new URL(target)
  if (url.protocol !== 'http:' || url.pathname !== '/') {
    throw new Error(`fault proxy: a target is an http origin without a path, not ${target}`)
  }
  return url.origin
}

/** Replaces each upstream's origin in a text, but not where it is only the beginning of a longer host or port. */
function originRewriter (upstreams: Upstream[]): (text: string) => string {
  const own = new Map(upstreams.map(({ origin, url }) => [origin, url]))
  const origins = [...own.keys()].map(origin => origin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`(?:${origins.join('|')})(?![\\w.:-])`, 'g')
  return text => text.replace(pattern, origin => own.get(origin) ?? origin)
}

function effectOf (rule: FaultRule): Effect {
  const named = exclusive.filter(effect => rule[effect] !== undefined)
  if (named.length > 1) throw new Error(`fault proxy: one rule cannot have ${named.join(' and ')}`)
  const [effect] = named
  if (rule.status !== undefined && effect && effect !== 'html' && effect !== 'empty') {
    throw new Error(`fault proxy: a rule with ${effect} does not make up a status`)
  }
  if (effect) return effect
  if (rule.status !== undefined) return 'status'
  if (rule.delay !== undefined) return 'delay'
  throw new Error('fault proxy: the rule has no effect')
}

function pickRule (rules: LiveRule[], record: FaultRecord): LiveRule | undefined {
  const live = rules.find(candidate => {
    const { rule, hits } = candidate
    if (hits >= (rule.times ?? Infinity) || !matches(rule, record)) return false
    candidate.seen++
    return candidate.seen > (rule.skip ?? 0)
  })
  if (live) live.hits++
  return live
}

function matches (rule: FaultRule, { target, method, path, content }: FaultRecord): boolean {
  if (rule.target !== undefined && rule.target !== target) return false
  if (rule.method !== undefined && rule.method.toUpperCase() !== method) return false
  if (rule.content !== undefined && content.search(rule.content) < 0) return false
  if (rule.path === undefined) return true
  // search() starts anew each time, whatever the flags of the expression
  return typeof rule.path === 'string' ? rule.path === path.split('?')[0] : path.search(rule.path) >= 0
}

function answer ({ res, record }: Exchange, rule: FaultRule, effect: 'status' | 'html' | 'empty') {
  const status = rule.status ?? 200
  record.status = status
  const made = madeBody(status, rule, effect)
  res.writeHead(status, {
    ...(made.type && { 'content-type': made.type }),
    'content-length': Buffer.byteLength(made.text),
    ...rule.headers
  })
  res.end(made.text)
}

function madeBody (
  status: number,
  rule: FaultRule,
  effect: 'status' | 'html' | 'empty'
): { text: string, type?: string } {
  if (effect === 'empty' || status === 204 || status === 304) return { text: '' }
  const reason = `${status} ${http.STATUS_CODES[status] ?? 'Unknown'}`
  if (effect === 'html') {
    const page = `<!DOCTYPE html>\n<html><head><title>${reason}</title></head><body><h1>${reason}</h1></body></html>\n`
    return { text: typeof rule.body === 'string' ? rule.body : page, type: 'text/html; charset=utf-8' }
  }
  if (typeof rule.body === 'string') return { text: rule.body, type: 'text/plain; charset=utf-8' }
  return { text: JSON.stringify(rule.body ?? { error: { code: status, message: reason } }), type: 'application/json' }
}

/** One attempt. The error says whether the connection had been used before, in which case a request may be repeated. */
function send (url: URL, options: RequestOptions, body: IncomingMessage | string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options)
    request.once('response', resolve)
    request.on('error', error => { reject(Object.assign(error, { reused: request.reusedSocket })) })
    if (typeof body === 'string') {
      request.end(body)
      return
    }
    // A client that leaves in the middle of its request leaves the upstream in the middle of it as well. One that
    // leaves later changes nothing: the upstream does its work, as it would without a proxy.
    body.once('close', () => { if (!body.complete) request.destroy() })
    if (body.readableEnded) request.end()
    else body.pipe(request)
  })
}

/** Reads a message to its end; rejects when it breaks off. */
async function drain (message: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function endToEnd (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)))
}

function mapValues (headers: IncomingHttpHeaders, map: (text: string) => string): OutgoingHttpHeaders {
  const mapped = (value: string | string[] | undefined) => Array.isArray(value) ? value.map(map) : value && map(value)
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, mapped(value)]))
}
