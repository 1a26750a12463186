import http from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Agent, request } from 'undici'
import { startFaultProxy } from './labs/fault-proxy.ts'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Test } from 'tap'

type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void

/** An upstream that keeps what it got, and answers with JSON that names itself. */
async function startUpstream (t: Test, handler?: Handler) {
  const got: Array<{ method: string, path: string, body: string }> = []
  let connections = 0
  const server = http.createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += String(chunk)
    got.push({ method: req.method ?? '', path: req.url ?? '', body })
    if (handler) return handler(req, res, body)
    const own = `http://${req.headers.host}`
    res.writeHead(200, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ name: 'ü', next: `${own}/more?marker=1` }))
  })
  server.on('connection', () => { connections++ })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    get connections () {
      return connections
    }
  }
}

async function setUp (t: Test, handler?: Handler) {
  const upstream = await startUpstream(t, handler)
  const proxy = await startFaultProxy({ targets: { cloud: upstream.url } })
  const dispatcher = new Agent()
  t.teardown(async () => {
    await dispatcher.destroy()
    await proxy.close()
  })
  const call = (
    path: string,
    options: { method?: 'GET' | 'POST' | 'DELETE' | 'HEAD', body?: string, signal?: AbortSignal } = {}
  ) => request(proxy.urls.cloud + path, { dispatcher, ...options })
  return { upstream, proxy, call }
}

async function until (condition: () => boolean) {
  while (!condition()) await sleep(1)
}

/** Whether a promise is still open once all that is already under way has been done. */
async function isOpen (promise: Promise<unknown>) {
  const open = Symbol('open')
  return await Promise.race([promise.catch(() => {}), sleep(20, open)]) === open
}

t.test('without rules everything passes, and origins become the proxy\'s own', async t => {
  const { upstream, proxy, call } = await setUp(t)
  const answer = await call('/v3?x=1', { method: 'POST', body: 'hello' })
  const text = await answer.body.text()
  t.equal(answer.statusCode, 200)
  t.strictSame(JSON.parse(text), { name: 'ü', next: `${proxy.urls.cloud}/more?marker=1` })
  t.equal(Number(answer.headers['content-length']), Buffer.byteLength(text))
  t.strictSame(upstream.got, [{ method: 'POST', path: '/v3?x=1', body: 'hello' }])
  t.match(proxy.requests, [
    { target: 'cloud', method: 'POST', path: '/v3?x=1', status: 200, upstreamStatus: 200, headers: {} }
  ])
  await until(() => proxy.requests[0]?.ended === true)
  proxy.resetRequests()
  t.strictSame(proxy.requests, [])
})

t.test('a catalog names every target by its proxy, and no longer port is taken for a shorter one', async t => {
  const nova = await startUpstream(t)
  const keystone = await startUpstream(t, (_req, res) => {
    res.writeHead(300, {
      'content-type': 'application/json',
      location: `${nova.url}/v2.1`,
      'www-authenticate': `Keystone uri="${nova.url}"`
    })
    res.end(JSON.stringify({ nova: `${nova.url}/v2.1`, bare: nova.url, other: `${nova.url}9/` }))
  })
  const proxy = await startFaultProxy({ targets: { keystone: keystone.url, nova: nova.url } })
  t.teardown(() => proxy.close())
  const answer = await fetch(`${proxy.urls.keystone}/v3`, { redirect: 'manual' })
  t.equal(answer.headers.get('location'), `${proxy.urls.nova}/v2.1`)
  t.equal(answer.headers.get('www-authenticate'), `Keystone uri="${proxy.urls.nova}"`)
  t.strictSame(await answer.json(), { nova: `${proxy.urls.nova}/v2.1`, bare: proxy.urls.nova, other: `${nova.url}9/` })
})

t.test('what is not JSON is streamed as it is', async t => {
  const gate = deferred()
  const { call } = await setUp(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream' })
    res.write('first')
    gate.promise.then(() => res.end('last'), () => {})
  })
  const { body } = await call('/image')
  const chunks = body[Symbol.asyncIterator]()
  t.equal(String((await chunks.next()).value), 'first', 'before the upstream has finished')
  gate.resolve()
  t.equal(String((await chunks.next()).value), 'last')
})

t.test('answers without a body pass', async t => {
  const { call } = await setUp(t, (_req, res) => {
    res.writeHead(204, { 'x-kept': 'yes', 'content-type': 'application/json' }).end()
  })
  const deleted = await call('/thing', { method: 'DELETE' })
  t.equal(deleted.statusCode, 204)
  t.equal(deleted.headers['x-kept'], 'yes')
  t.equal(await deleted.body.text(), '')
  t.equal((await call('/thing', { method: 'HEAD' })).statusCode, 204)
})

t.test('reading goes over kept connections; one closed while idle is not noticed', async t => {
  const { upstream, call } = await setUp(t, (req, res) => {
    // gone without a word after the answer, as a server whose idle time is over
    if (req.url === '/last') res.once('finish', () => setImmediate(() => req.socket.resetAndDestroy()))
    res.end('ok')
  })
  for (const path of ['/1', '/2', '/last', '/3']) t.equal(await (await call(path)).body.text(), 'ok', path)
  t.equal(upstream.connections, 2)
})

t.test('an upstream that breaks off breaks off for the client', async t => {
  const { proxy, call } = await setUp(t, (req, res) => {
    if (req.url === '/head') return req.socket.destroy()
    res.writeHead(200, {
      'content-length': 100,
      'content-type': req.url === '/json' ? 'application/json' : 'text/plain'
    })
    res.write('some', () => req.socket.destroy())
  })
  await t.rejects(call('/head'))
  await t.rejects(call('/json'))
  await t.rejects(call('/plain').then(({ body }) => body.text()))
  t.strictSame(proxy.requests.map(({ upstreamStatus }) => upstreamStatus), [null, null, null])
})

t.test('an upstream that is not there resets the connection', async t => {
  const { upstream } = await setUp(t)
  const gone = http.createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const origin = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`
  await new Promise(resolve => gone.close(resolve))
  const proxy = await startFaultProxy({ targets: { up: upstream.url, gone: origin } })
  t.teardown(() => proxy.close())
  await t.rejects(fetch(proxy.urls.gone ?? ''))
  t.equal((await fetch(proxy.urls.up ?? '')).status, 200)
})

t.test('the first rule that matches wins, by target, method, path and count', async t => {
  const { proxy, upstream, call } = await setUp(t)
  const status = async (path: string, method: 'GET' | 'POST' = 'GET') => {
    const answer = await call(path, { method })
    await answer.body.dump()
    return answer.statusCode
  }
  const first = proxy.addRule({ method: 'post', path: '/servers', times: 1, status: 500 })
  const second = proxy.addRule({ target: 'cloud', path: /^\/servers(\?|$)/g, skip: 2, times: 2, status: 429 })
  t.equal(await status('/servers', 'POST'), 500)
  t.equal(first.hits, 1)
  t.equal(await status('/servers/1', 'POST'), 200, 'another path')
  t.equal(await status('/servers?a=1'), 200, 'skipped')
  t.equal(await status('/servers', 'POST'), 200, 'the first is used up, the second skips')
  t.equal(await status('/servers?a=2'), 429)
  t.equal(await status('/servers'), 429)
  t.equal(await status('/servers'), 200, 'used up')
  t.equal(second.hits, 2)
  t.equal(upstream.got.length, 4)
  const third = proxy.addRule({ status: 503 })
  t.equal(await status('/any'), 503)
  third.remove()
  t.equal(await status('/any'), 200)
  proxy.addRule({ status: 503 })
  proxy.clear()
  t.equal(await status('/any'), 200)
})

t.test('a rule that cannot mean anything is refused', async t => {
  const { proxy } = await setUp(t)
  t.throws(() => proxy.addRule({ path: '/x' }), /no effect/)
  t.throws(() => proxy.addRule({ hang: true, reset: true }), /hang and reset/)
  t.throws(() => proxy.addRule({ hang: true, status: 500 }), /does not make up a status/)
  t.throws(() => proxy.addRule({ target: 'nowhere', hang: true }), /no target named nowhere/)
  await t.rejects(startFaultProxy({ targets: { a: 'http://127.0.0.1:1/identity' } }), /origin without a path/)
})

t.test('delay', async t => {
  const { proxy, upstream, call } = await setUp(t)
  const rule = proxy.addRule({ delay: 50, path: '/slow' })
  const before = performance.now()
  t.equal((await call('/slow')).statusCode, 200)
  t.ok(performance.now() - before >= 45)
  t.equal(rule.hits, 1)

  t.test('comes before another effect', async t => {
    proxy.clear()
    proxy.addRule({ delay: 30, status: 503 })
    const before = performance.now()
    t.equal((await call('/slow')).statusCode, 503)
    t.ok(performance.now() - before >= 25)
  })

  t.test('ends with its rule', async t => {
    proxy.clear()
    proxy.resetRequests()
    const rule = proxy.addRule({ delay: 3_600_000 })
    const answer = call('/now')
    await until(() => proxy.requests.length === 1)
    t.ok(await isOpen(answer))
    rule.remove()
    t.equal((await answer).statusCode, 200)
  })

  t.test('is not outlived by a request whose client has left', async t => {
    proxy.clear()
    proxy.resetRequests()
    const rule = proxy.addRule({ delay: 3_600_000 })
    const leave = new AbortController()
    const answer = call('/never', { signal: leave.signal })
    await until(() => proxy.requests.length === 1)
    leave.abort()
    await t.rejects(answer)
    await until(() => proxy.requests[0]?.ended === true)
    rule.remove()
    t.equal((await call('/after')).statusCode, 200)
    t.notOk(upstream.got.some(({ path }) => path === '/never'))
  })
})

t.test('hang: nothing is forwarded, and the socket is held until the rule goes', async t => {
  const { proxy, upstream, call } = await setUp(t)
  const rule = proxy.addRule({ hang: true })
  const answer = call('/x', { method: 'POST', body: 'much' })
  await until(() => rule.hits === 1)
  t.ok(await isOpen(answer))
  rule.remove()
  await t.rejects(answer)
  t.strictSame(upstream.got, [])
  t.match(proxy.requests, [{ status: null, upstreamStatus: null }])
  t.equal((await call('/x')).statusCode, 200)
})

t.test('hangBody: the head and half of the body', async t => {
  const { proxy, call } = await setUp(t)
  const rule = proxy.addRule({ hangBody: true })
  const { headers, body } = await call('/x')
  let length = 0
  const read = (async () => { for await (const chunk of body) length += (chunk as Buffer).length })()
  await until(() => length > 0)
  t.equal(length, Number(headers['content-length']) >> 1)
  t.ok(await isOpen(read))
  rule.remove()
  await t.rejects(read)
})

t.test('reset: before anything is forwarded', async t => {
  const { proxy, upstream, call } = await setUp(t)
  proxy.addRule({ reset: true, times: 1 })
  await t.rejects(call('/x', { method: 'POST', body: 'x' }), { code: 'ECONNRESET' })
  t.strictSame(upstream.got, [])
  t.equal((await call('/x')).statusCode, 200)
})

t.test('swallow: the upstream has done it, the client has no answer', async t => {
  const { proxy, upstream, call } = await setUp(t, (_req, res) => res.writeHead(202).end('done'))
  proxy.addRule({ swallow: true, method: 'POST' })
  await t.rejects(call('/servers', { method: 'POST', body: '{}' }), { code: 'UND_ERR_SOCKET' })
  t.strictSame(upstream.got, [{ method: 'POST', path: '/servers', body: '{}' }])
  t.match(proxy.requests, [{ status: null, upstreamStatus: 202 }])
})

t.test('swallowHang: the upstream has done it, the client waits', async t => {
  const { proxy, upstream, call } = await setUp(t, (_req, res) => res.writeHead(202).end('done'))
  const rule = proxy.addRule({ swallowHang: true })
  const answer = call('/servers', { method: 'POST', body: '{}' })
  await until(() => proxy.requests[0]?.upstreamStatus === 202)
  t.ok(await isOpen(answer))
  t.equal(upstream.got.length, 1)
  rule.remove()
  await t.rejects(answer)
  t.match(proxy.requests, [{ status: null, upstreamStatus: 202 }])
})

t.test('a client that leaves after it has asked does not keep the upstream from its work', async t => {
  const gate = deferred()
  const { proxy, upstream, call } = await setUp(t, (_req, res) => {
    gate.promise.then(
      () => res.writeHead(202).end(),
      () => {}
    )
  })
  const leave = new AbortController()
  const answer = call('/servers', { method: 'POST', body: '{}', signal: leave.signal })
  await until(() => upstream.got.length === 1)
  leave.abort()
  await t.rejects(answer)
  await until(() => proxy.requests[0]?.ended === true)
  gate.resolve()
  await until(() => proxy.requests[0]?.upstreamStatus === 202)
  t.equal(proxy.requests[0]?.status, null)
})

t.test('status: answered without asking the upstream', async t => {
  const { proxy, upstream, call } = await setUp(t)
  proxy.addRule({ status: 429, headers: { 'Retry-After': '7' }, body: { overLimit: { code: 429 } }, times: 1 })
  const limited = await call('/x')
  t.equal(limited.statusCode, 429)
  t.equal(limited.headers['retry-after'], '7')
  t.strictSame(await limited.body.json(), { overLimit: { code: 429 } })
  proxy.addRule({ status: 503, body: 'out of order', times: 1 })
  t.equal(await (await call('/x')).body.text(), 'out of order')
  proxy.addRule({ status: 500, times: 1 })
  t.strictSame(await (await call('/x')).body.json(), { error: { code: 500, message: '500 Internal Server Error' } })
  proxy.addRule({ status: 204, times: 1 })
  t.equal(await (await call('/x', { method: 'DELETE' })).body.text(), '')
  t.strictSame(upstream.got, [])
  t.strictSame(proxy.requests.map(({ status }) => status), [429, 503, 500, 204])
})

t.test('html: a page where JSON was expected', async t => {
  const { proxy, upstream, call } = await setUp(t)
  proxy.addRule({ html: true, times: 1 })
  const page = await call('/x')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], 'text/html')
  t.match(await page.body.text(), '<html>')
  proxy.addRule({ html: true, status: 502, times: 1 })
  const gateway = await call('/x')
  t.equal(gateway.statusCode, 502)
  t.match(await gateway.body.text(), '502 Bad Gateway')
  t.strictSame(upstream.got, [])
})

t.test('empty: success without a word', async t => {
  const { proxy, upstream, call } = await setUp(t)
  proxy.addRule({ empty: true })
  const answer = await call('/x')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-length'], '0')
  t.equal(await answer.body.text(), '')
  t.strictSame(upstream.got, [])
})

t.test('truncate: the whole length is announced, half of it comes', async t => {
  const { proxy, upstream, call } = await setUp(t)
  proxy.addRule({ truncate: true })
  const { statusCode, headers, body } = await call('/x')
  let length = 0
  await t.rejects((async () => { for await (const chunk of body) length += (chunk as Buffer).length })())
  t.equal(statusCode, 200)
  t.equal(length, Number(headers['content-length']) >> 1)
  t.equal(upstream.got.length, 1)
})

t.test('rewrite: any body may be changed', async t => {
  const { proxy, call } = await setUp(t)
  proxy.addRule({ rewrite: body => body.replace('ü', 'üüü') + '\n' })
  const answer = await call('/x')
  const text = await answer.body.text()
  t.equal(JSON.parse(text).name, 'üüü')
  t.equal(Number(answer.headers['content-length']), Buffer.byteLength(text))
})

t.test('many requests may be held at once, and close lets go of everything', async t => {
  const { upstream, proxy, call } = await setUp(t, (req, res) => { if (req.url !== '/stuck') res.end('ok') })
  await (await call('/ok')).body.dump()
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  proxy.addRule({ path: '/hang', hang: true })
  proxy.addRule({ path: '/delay', delay: 3_600_000 })
  const paths = ['/hang', '/delay', '/stuck'].flatMap(path => Array<string>(15).fill(path))
  const answers = paths.map(path => call(path))
  const settled = Promise.allSettled(answers)
  await until(() => proxy.requests.length === 46 && upstream.got.length === 16)
  await proxy.close()
  t.ok((await settled).every(({ status }) => status === 'rejected'))
  t.strictSame(warnings, [])
  await proxy.close()
  await t.rejects(call('/ok'), { code: 'ECONNREFUSED' })
})

function deferred () {
  let resolve = () => {}
  const promise = new Promise<void>(_resolve => { resolve = _resolve })
  return { promise, resolve }
}
