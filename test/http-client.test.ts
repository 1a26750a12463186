import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { openCall, type OpenCall } from '../drivers/call.ts'
import { createHttpClient, parseRetryAfter, type HttpOptions, type HttpRequest } from '../drivers/common/http.ts'
import { createLimiter } from '../drivers/common/limiter.ts'
import { ProblemError } from '../openapi/model/index.ts'

const log = Fastify().log
const calls: OpenCall[] = []

function open (timeout = 10_000, caller?: AbortSignal) {
  const call = openCall({ timeout, log, requestId: 't', caller: caller && (() => caller) })
  calls.push(call)
  return call
}

// The timer of an open call would keep the process alive.
t.teardown(() => { for (const call of calls) call.end() })

interface ReceivedRequest { method: string, url: string, headers: http.IncomingHttpHeaders, body: string, at: number }
/** Answers request number `n`, which counts from 1. */
type Answer = (response: http.ServerResponse, n: number, request: ReceivedRequest) => void

/** Starts a cloud that answers with `answer` and records the requests. */
async function cloud (t: Test, answer: Answer) {
  const got: ReceivedRequest[] = []
  const server = http.createServer(async (request, response) => {
    const { method, url, headers } = request
    const received = { method: method!, url: url!, headers, body: '', at: performance.now() }
    got.push(received)
    const n = got.length
    for await (const chunk of request.setEncoding('utf8')) received.body += String(chunk)
    answer(response, n, received)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { got, server, port, url: `http://127.0.0.1:${port}/v2/servers` }
}

function client (t: Test, options: Partial<HttpOptions> = {}) {
  const made = createHttpClient({ timeout: 10_000, maxInFlight: 8, userAgent: 'tests', ...options })
  t.teardown(() => made.close())
  return made
}

const json = (response: http.ServerResponse, body: unknown, status = 200, headers: http.OutgoingHttpHeaders = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** Returns the error of a request, which must be a ProblemError. */
async function failure (t: Test, request: Promise<unknown>): Promise<ProblemError> {
  const error = await request.then(() => undefined, (error: unknown) => error)
  t.ok(error instanceof ProblemError, 'it fails with a problem', { error })
  return error as ProblemError
}

const post = (url: string, more: Partial<HttpRequest> = {}): HttpRequest =>
  ({ method: 'POST', url, body: { name: 'web' }, ...more })

const get = (url: string): HttpRequest => ({ method: 'GET', url })

t.test('a request is sent as JSON with its query and headers; the response is parsed at any status', async (t) => {
  const { url, got } = await cloud(t, (response, n) =>
    json(response, { n }, n === 1 ? 200 : 404, { 'x-two': ['a', 'b'] }))
  const { request } = client(t)
  const first = await request({
    method: 'GET',
    url: `${url}?a=1`,
    query: { b: ['x y', 'ü&'], none: undefined, nil: null, c: 2 },
    headers: { 'x-token': 's' }
  }, open())
  t.match(first, { status: 200, body: { n: 1 }, headers: { 'x-two': 'a, b' } })
  t.equal(got[0]!.url, '/v2/servers?a=1&b=x+y&b=%C3%BC%26&c=2')
  t.match(got[0]!.headers, { accept: 'application/json', 'user-agent': 'tests', 'x-token': 's' })
  t.notOk('content-type' in got[0]!.headers)
  t.match(await request(post(url), open()), { status: 404, body: { n: 2 } })
  t.match(got[1], { method: 'POST', body: '{"name":"web"}', headers: { 'content-type': 'application/json' } })
})

t.test('an empty answer has no body, and an error that is no JSON is its status', async (t) => {
  const { url } = await cloud(t, (response, n) => {
    if (n === 1) return response.writeHead(200).end()
    if (n === 2) return response.writeHead(204).end()
    response.writeHead(n === 3 ? 403 : 502, { 'content-type': 'text/html' }).end('<html>Bad</html>')
  })
  const { request } = client(t)
  t.match(await request({ method: 'GET', url }, open()), { status: 200, body: undefined })
  t.match(await request({ method: 'DELETE', url }, open()), { status: 204, body: undefined })
  t.match(await request({ method: 'GET', url }, open()), { status: 403, body: undefined })
  t.match(await request(post(url), open()), { status: 502, body: undefined })
})

t.test('a success that is no JSON is an error of the cloud; of a change nobody knows then what became', async (t) => {
  for (const text of ['<html>Sign in</html>', '{"servers": [', 'null}']) {
    const { url } = await cloud(t, (response) => { response.writeHead(200, { 'content-type': 'text/html' }).end(text) })
    const { request } = client(t)
    t.match(await failure(t, request(get(url), open())), { code: 'provider_error', outcomeUnknown: false })
    t.match(await failure(t, request(post(url), open())), { code: 'provider_error', outcomeUnknown: true })
    const search = post(url, { read: true })
    t.match(await failure(t, request(search, open())), { outcomeUnknown: false }, 'a search by POST is a read')
  }
})

t.test('a read is repeated where the cloud is busy, three times at most', async (t) => {
  for (const status of [429, 500, 502, 503, 504]) {
    const { url, got } = await cloud(t, (response, n) =>
      json(response, { n }, n < 4 ? status : 200, { 'retry-after': '0' }))
    const { request } = client(t)
    t.match(await request({ method: 'GET', url }, open()), { status: 200, body: { n: 4 } }, String(status))
    t.equal(got.length, 4)
  }
  const { url, got } = await cloud(t, (response, n) => json(response, { n }, 503, { 'retry-after': '0' }))
  const { request } = client(t)
  t.match(await request({ method: 'GET', url }, open()), { status: 503, body: { n: 4 } }, 'then it is told as it is')
  t.equal(got.length, 4)
  const search = post(url, { read: true })
  t.match(await request(search, open()), { status: 503, body: { n: 8 } }, 'a search by POST is a read')
})

t.test('what is not passing is not repeated', async (t) => {
  for (const status of [301, 400, 401, 404, 409, 501]) {
    const { url, got } = await cloud(t, (response) => json(response, {}, status))
    t.match(await client(t).request({ method: 'GET', url }, open()), { status })
    t.equal(got.length, 1, String(status))
  }
})

t.test('a change is not repeated, whatever the cloud says', async (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    const { url, got } = await cloud(t, (response) => json(response, {}, 503, { 'retry-after': '0' }))
    t.match(await client(t).request({ method, url }, open()), { status: 503, headers: { 'retry-after': '0' } }, method)
    t.equal(got.length, 1)
  }
})

t.test('the cloud says how long to wait, and is left alone where that is too long', async (t) => {
  const { url, got } = await cloud(t, (response, n) => json(response, {}, n === 1 ? 429 : 200, { 'retry-after': '1' }))
  t.equal((await client(t).request({ method: 'GET', url }, open())).status, 200)
  t.ok(got[1]!.at - got[0]!.at >= 990, 'a second later')

  const far = await cloud(t, (response) => json(response, {}, 429, { 'retry-after': '6' }))
  const started = performance.now()
  t.match(await client(t).request(get(far.url), open()), { status: 429, headers: { 'retry-after': '6' } })
  t.ok(performance.now() - started < 5000, 'more than half of the time there is')
  t.equal(far.got.length, 1)
})

t.test('Retry-After is seconds or a date', async (t) => {
  t.equal(parseRetryAfter('2'), 2000)
  t.equal(parseRetryAfter('0'), 0)
  t.equal(parseRetryAfter('-1'), 0)
  t.ok(Math.abs(parseRetryAfter(new Date(Date.now() + 5000).toUTCString())! - 5000) < 1100)
  t.equal(parseRetryAfter(new Date(0).toUTCString()), 0)
  for (const none of [undefined, '', 'soon', 5]) t.equal(parseRetryAfter(none), undefined)
})

t.test('a read is repeated after a connection that broke, a change is not and says that nobody knows', async (t) => {
  const { url, got } = await cloud(t, (response, n, { method }) => {
    if (method !== 'GET' || n < 3) return response.destroy()
    json(response, { n })
  })
  const { request } = client(t)
  t.match(await request({ method: 'GET', url }, open()), { status: 200, body: { n: 3 } })
  const error = await failure(t, request(post(url), open()))
  t.match(error, { code: 'provider_unavailable', outcomeUnknown: true })
  t.equal(got.length, 4)
})

t.test('a change is repeated where it was not sent at all', async (t) => {
  const { server, url, port, got } = await cloud(t, (response) => json(response, {}, 202))
  server.close()
  await once(server, 'close')
  // The server listens again as soon as the first attempt has been refused.
  const refused = () => { if (!server.listening) server.listen(port, '127.0.0.1') }
  diagnostics.subscribe('undici:client:connectError', refused)
  t.teardown(() => diagnostics.unsubscribe('undici:client:connectError', refused))
  // The longest possible jitter.
  t.intercept(Math, 'random', { value: () => 0.999 })
  t.equal((await client(t).request(post(url), open())).status, 202)
  t.equal(got.length, 1)
})

t.test('a cloud that nobody can reach is unavailable, and of a change it is known that nothing was done', async (t) => {
  const { server, url } = await cloud(t, () => {})
  server.close()
  await once(server, 'close')
  const { request } = client(t)
  t.match(await failure(t, request(get(url), open())), {
    code: 'provider_unavailable', outcomeUnknown: false, message: /ECONNREFUSED/
  })
  t.match(await failure(t, request(post(url), open())), { code: 'provider_unavailable', outcomeUnknown: false })
})

t.test('retries are few where everything fails', async (t) => {
  const { url, got } = await cloud(t, (response) => json(response, {}, 503, { 'retry-after': '0' }))
  const { request } = client(t)
  for (let i = 0; i < 30; i++) await request({ method: 'GET', url }, open())
  t.ok(got.length >= 40 && got.length <= 30 + 10 + 3, 'ten, and one for every ten calls', { requests: got.length })
})

t.test('a call ends at its deadline: before the response, within its body, and before a retry', async (t) => {
  const { url } = await cloud(t, (response, _, { url, method }) => {
    if (url.endsWith('/body')) return response.writeHead(200, { 'content-length': 100 }).write('{"half":')
    if (url.endsWith('/busy') && method === 'GET') return json(response, {}, 503, { 'retry-after': '1' })
  })
  const { request } = client(t)
  const cases = [['', 'GET'], ['', 'POST'], ['/body', 'GET'], ['/body', 'POST'], ['/busy', 'GET']] as const
  for (const [path, method] of cases) {
    const started = performance.now()
    const error = await failure(t, request({ method, url: `${url}${path}` }, open(200)))
    const took = performance.now() - started
    const outcomeUnknown = method === 'POST'
    t.match(error, { code: 'provider_timeout', message: /0\.2 s/, outcomeUnknown }, `${method} ${path}`)
    t.ok(took >= 190 && took < 800, `${method} ${path}: in time`, { took })
  }
})

t.test('a call ends when its caller leaves, and the connection to the cloud with it', async (t) => {
  const closed: Promise<unknown>[] = []
  const leaving = new AbortController()
  const { url } = await cloud(t, (response) => {
    closed.push(once(response, 'close'))
    leaving.abort()
  })
  const error = await failure(t, client(t).request({ method: 'GET', url }, open(60_000, leaving.signal)))
  t.match(error, { code: 'invalid_request', outcomeUnknown: false })
  await Promise.all(closed)
})

t.test('an answer that breaks off is an error, never half a list', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const { url, got } = await cloud(t, (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
      response.write('{"servers":[]}', () => response.destroy())
    })
    const error = await failure(t, client(t).request({ method, url }, open()))
    t.match(error, { code: 'provider_error', outcomeUnknown: method === 'POST' }, method)
    t.ok(got.length <= 4)
    if (method === 'POST') t.equal(got.length, 1, 'a change is sent once')
  }
  const chunked = await cloud(t, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"servers":[]}', () => response.destroy())
  })
  t.match(await failure(t, client(t).request(post(chunked.url), open())), { outcomeUnknown: true })
})

t.test('no more calls are in flight than the cloud shall have, and none is lost', async (t) => {
  const held = new Set<http.ServerResponse>()
  let most = 0
  const { url, got } = await cloud(t, (response) => {
    held.add(response)
    most = Math.max(most, held.size)
    if (held.size < 3 && got.length < 20) return
    // Later, so that the server would see a call too many.
    setImmediate(() => {
      for (const one of held) json(one, {})
      held.clear()
    })
  })
  const { request } = client(t, { maxInFlight: 3 })
  const all = await Promise.all(Array.from({ length: 20 }, () => request({ method: 'GET', url }, open())))
  t.ok(all.every(({ status }) => status === 200))
  t.equal(got.length, 20)
  t.equal(most, 3)
})

t.test('a call that waits in line leaves it at its deadline, and is never sent', async (t) => {
  const held: http.ServerResponse[] = []
  const { url, got } = await cloud(t, (response) => {
    if (held.length === 0) held.push(response)
    else json(response, {})
  })
  const { request } = client(t, { maxInFlight: 1 })
  const first = request({ method: 'GET', url }, open())
  const error = await failure(t, request(post(url), open(100)))
  t.match(error, { code: 'provider_timeout', outcomeUnknown: false }, 'so it is known that nothing was done')
  json(held[0]!, {})
  t.equal((await first).status, 200)
  t.equal((await request({ method: 'GET', url }, open())).status, 200, 'and its place is free')
  t.equal(got.length, 2)
})

t.test('a limit lets in as many as it says, the others in the order of their coming', async (t) => {
  const limit = createLimiter(2)
  const signal = new AbortController().signal
  const begun: number[] = []
  const finish: (() => void)[] = []
  const run = (i: number) => limit(async () => {
    begun.push(i)
    await new Promise<void>((resolve) => { finish[i] = resolve })
    if (i === 1) throw new Error('it fails')
    return i
  }, signal)
  const all = [0, 1, 2, 3, 4].map((i) => run(i))
  t.same(begun, [0, 1])
  finish[1]!()
  await t.rejects(all[1]!, { message: 'it fails' })
  t.same(begun, [0, 1, 2], 'one that fails makes room as well')
  finish[0]!()
  t.equal(await all[0], 0)
  t.same(begun, [0, 1, 2, 3])
  finish[3]!()
  finish[2]!()
  await Promise.all([all[2], all[3]])
  finish[4]!()
  t.equal(await all[4], 4)
})

t.test('a limit that processes share lets in a part of them, and all again when the others are gone', async (t) => {
  const limit = createLimiter(4)
  const signal = new AbortController().signal
  const finish: (() => void)[] = []
  const run = (i: number) => limit(() => new Promise<void>((resolve) => { finish[i] = resolve }), signal)
  limit.divide(3)
  const all = [0, 1, 2, 3, 4].map((i) => run(i))
  t.same([limit.running, limit.waiting], [2, 3], 'a third of 4, rounded up')
  limit.divide(100)
  finish[0]!()
  await all[0]
  t.same([limit.running, limit.waiting], [1, 3], 'at least one')
  limit.divide(1)
  t.same([limit.running, limit.waiting], [4, 0])
  await new Promise(setImmediate)
  for (const end of finish) end()
  await Promise.all(all)
})

t.test('who leaves the line of a limit does not run, and those behind move up', async (t) => {
  const limit = createLimiter(1)
  const leaving = new AbortController()
  const staying = new AbortController()
  let finish = () => {}
  const first = limit(() => new Promise<void>((resolve) => { finish = resolve }), staying.signal)
  let ran = false
  const second = limit(async () => { ran = true }, leaving.signal)
  const third = limit(async () => 'third', staying.signal)
  leaving.abort(new Error('gone'))
  await t.rejects(second, { message: 'gone' })
  finish()
  await first
  t.equal(await third, 'third')
  t.notOk(ran)
  const late = limit(async () => { ran = true }, leaving.signal)
  await t.rejects(late, { message: 'gone' }, 'a call that is already aborted does not run')
  t.notOk(ran)
  t.equal(await limit(async () => 'next', staying.signal), 'next')
})

t.test('a call makes its signal when it is asked for, with what is left of its time', async (t) => {
  const late = open(50)
  await once(late.signal, 'abort')
  t.match(late.signal.reason, { code: 'provider_timeout' })
  const ended = open(50)
  const { signal } = ended
  ended.end()
  const shut = open()
  shut.abort(new ProblemError('shutting_down', 'The server is shutting down'))
  const aborted = { aborted: true, reason: { code: 'shutting_down' } }
  t.match(shut.signal, aborted, 'the signal of a call that was aborted earlier is aborted from the beginning')
  await once(open(100).signal, 'abort')
  t.notOk(signal.aborted, 'a call that is over has no deadline any more')
})
