import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { build, dummy, type BuildOptions } from './helper/app.ts'

const limits = { headersMs: 200, bodyMs: 300, stallMs: 400, answerMs: 1500, idleMs: 300 }
/** Far more than each limit, and less than the limits of Node and Fastify: 30 s and more. */
const bound = 8000

async function start (t: Test, options: BuildOptions = {}) {
  const { app, api } = await build(t, { connections: limits, listen: true, ...options })
  const { port } = app.server.address() as net.AddressInfo

  /** A connection that collects what it reads. `ended` resolves when the server has closed its end. */
  const connect = async () => {
    const accepted = once(app.server, 'connection') as Promise<[net.Socket]>
    const socket = net.connect({ port, host: '127.0.0.1' })
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    const [peer] = await accepted
    const ended = new Promise<true>((resolve) => { peer.once('close', () => resolve(true)) })
    const heard = { text: '', socket, ended }
    socket.setEncoding('utf8').on('data', (chunk: string) => { heard.text += chunk })
    return heard
  }
  return { api, connect }
}

type Connected = Awaited<ReturnType<Awaited<ReturnType<typeof start>>['connect']>>

/** Writes one piece after the other until the connection is closed. */
async function drip (socket: net.Socket, piece: string, pause: number) {
  while (!socket.destroyed && socket.writable) {
    socket.write(piece)
    await sleep(pause)
  }
}

const head = (method: string, path: string, headers: string) =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
const nodes = '/api/v2/clouds/default/nodes'
const json = 'Content-Type: application/json\r\n'

async function isClosed (t: Test, { ended, socket }: Connected, title: string) {
  const timer = new AbortController()
  t.ok(await Promise.race([ended, sleep(bound, false, { signal: timer.signal })]), `${title}: closed in bounded time`)
  timer.abort()
  if (!socket.isPaused() && !socket.closed) await once(socket, 'close')
  socket.destroy()
}

t.test('a connection that says nothing, or half of the headers, is closed', async (t) => {
  const { connect } = await start(t)
  const mute = await connect()
  const half = await connect()
  half.socket.write(`GET ${nodes} HTTP/1.1\r\nHost: localhost\r\n`)
  const slow = await connect()
  slow.socket.write(`GET ${nodes} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `)
  const dripping = drip(slow.socket, 'x', 20)
  await isClosed(t, mute, 'mute')
  await isClosed(t, half, 'half')
  await isClosed(t, slow, 'slow')
  await dripping
  t.match(half.text, /^HTTP\/1\.1 408 [^]*"code":"request_timeout"/, 'with 408')
})

t.test('a connection without a valid request is closed, although the client keeps it', async (t) => {
  const { connect } = await start(t)
  const garbage = await connect()
  garbage.socket.write('hello\r\n\r\n')
  const tunnel = await connect()
  tunnel.socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')
  const dripping = [drip(garbage.socket, 'x', 20), drip(tunnel.socket, 'x', 20)]
  await isClosed(t, garbage, 'garbage')
  await isClosed(t, tunnel, 'a tunnel')
  await Promise.all(dripping)
})

t.test('an idle connection is closed', async (t) => {
  const { connect } = await start(t)
  const idle = await connect()
  idle.socket.write(head('GET', '/health/live', ''))
  await isClosed(t, idle, 'idle')
  t.match(idle.text, /^HTTP\/1\.1 200 /)
})

t.test('a body that stops, or arrives slowly, is answered with 408', async (t) => {
  const { connect, api } = await start(t)
  const stopped = await connect()
  stopped.socket.write(`${head('POST', nodes, `${json}Content-Length: 100\r\n`)}{"name":`)
  const slow = await connect()
  slow.socket.write(`${head('POST', nodes, `${json}Content-Length: 100000\r\n`)}{"name":"`)
  const chunked = await connect()
  chunked.socket.write(head('PATCH', `${nodes}/node-00000001`, `${json}Transfer-Encoding: chunked\r\n`))
  const dripping = [drip(slow.socket, 'x', 20), drip(chunked.socket, '1\r\n \r\n', 20)]
  for (const [title, one] of Object.entries({ stopped, slow, chunked })) {
    await isClosed(t, one, title)
    t.match(one.text, /^HTTP\/1\.1 408 [^]*connection: close[^]*"code":"request_timeout"/i, `${title}: 408`)
  }
  await Promise.all(dripping)
  t.same((await api.get('/api/v2/operations')).body.items, [])
})

t.test('a body that nobody waits for does not keep the connection', async (t) => {
  const { connect } = await start(t)
  const slow = await connect()
  slow.socket.write(head('POST', '/api/v2/nowhere', `${json}Content-Length: 100000\r\n`))
  const dripping = drip(slow.socket, 'x', 20)
  await isClosed(t, slow, 'slow')
  await dripping
})

const upload = '/api/v2/clouds/default/images/upload?disk_format=raw&name=a'
const file = 'Content-Type: application/octet-stream\r\n'

t.test('an upload may take as long as its bytes flow, and no longer', async (t) => {
  const { connect, api } = await start(t)
  const slow = await connect()
  slow.socket.write(head('POST', upload, `${file}Content-Length: 100\r\nConnection: close\r\n`))
  for (let i = 0; i < 20; i++) {
    slow.socket.write('12345')
    await sleep(limits.stallMs / 5)
  }
  await isClosed(t, slow, 'slow')
  t.match(slow.text, /^HTTP\/1\.1 202 /, 'an upload that takes four times the limit of a pause')

  const stopped = await connect()
  stopped.socket.write(`${head('POST', upload, `${file}Content-Length: 100\r\n`)}12345`)
  await isClosed(t, stopped, 'stopped')
  t.match(stopped.text, /^(HTTP\/1\.1 408 |$)/)
  const { body: { items } } = await api.get('/api/v2/operations')
  const ended = await Promise.all(items.map((item: { id: string }) => api.ended(item)))
  t.same(ended.map(({ status }) => status).sort(), ['failed', 'succeeded'], 'its operation has failed')
})

t.test('a client that does not read its answer, or reads slowly, loses the connection', async (t) => {
  const { connect } = await start(t, { clouds: { default: dummy({ nodes: 4000, page_size: 1000 }) } })
  const ask = head('GET', `${nodes}?limit=1000&include=extra`, '')
  const deaf = await connect()
  deaf.socket.pause()
  for (let i = 0; i < 10; i++) deaf.socket.write(ask)
  const slow = await connect()
  slow.socket.pause()
  for (let i = 0; i < 10; i++) slow.socket.write(ask)
  const reading = (async () => {
    while (!slow.socket.destroyed) {
      slow.socket.resume()
      await new Promise((resolve) => setImmediate(resolve))
      slow.socket.pause()
      await sleep(200)
    }
  })()
  await isClosed(t, deaf, 'deaf')
  await isClosed(t, slow, 'slow')
  await reading
})

t.test('a request that waits for a cloud keeps its connection', async (t) => {
  const { api } = await start(t, { clouds: { default: dummy({ nodes: 1, latency: 3 * limits.stallMs / 1000 }) } })
  t.equal((await api.get(nodes)).status, 200)
})
