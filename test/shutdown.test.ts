import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import t from 'tap'
import { serve } from './fixtures/process.ts'
import { build, dummy } from './helper/app.ts'

const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

function settle (directory: string, clouds: Record<string, object>) {
  const own = { driver: 'dummy', delay: 1.5, timeout: 1 }
  writeFileSync(
    path.join(directory, 'orchestrator.json'),
    JSON.stringify({
      log_level: 'silent',
      port: 0,
      operations: { reconcile_seconds: 0 },
      clouds: Object.fromEntries(
        Object.entries(clouds).map(([name, cloud]) => [name, { ...own, state_file: `${name}.json`, ...cloud }])
      )
    })
  )
}

interface Heard {
  status: number
  headers: http.IncomingHttpHeaders
  body: any
  complete: boolean
  socket: net.Socket
}

/** Asks over a connection of its own, kept alive. `complete` is whether the answer has come to its end. */
function open (url: string, options: http.RequestOptions & { body?: object } = {}) {
  const { body, ...more } = options
  const agent = new http.Agent({ keepAlive: true })
  return new Promise<Heard>((resolve, reject) => {
    const request = http.request(url, { agent, ...more }, async (response) => {
      const { socket } = response
      let text = ''
      try {
        for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
      } catch (error) { reject(error) }
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        body: JSON.parse(text),
        complete: response.complete,
        socket
      })
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

const post = (cloud: string, headers: Record<string, string> = {}) => ({
  path: `/api/v2/clouds/${cloud}/nodes`,
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: input
})

t.test(
  'SIGTERM ends the server within a second, with an answer for everybody, and the next start ends what was under way',
  async (t) => {
    const directory = t.testdir()
    settle(directory, {
      default: {},
      hung: { timeout: 30, faults: ['create', 'list'].map((call) => ({ on: `nodes.${call}`, kind: 'hang' })) }
    })
    const server = await serve(t, [], { cwd: directory })
    const list = async () => ((await (await fetch(`${server.url}/api/v2/operations`)).json()) as any).items

    const idle = await open(`${server.url}/api/v2/clouds`)
    const idleClosed = once(idle.socket, 'close')
    const waiting = open(server.url, post('default', { prefer: 'wait=30' }))
    const hanging = open(server.url, post('hung'))
    const reading = open(`${server.url}/api/v2/clouds/hung/nodes`)
    for (let phases = ''; phases !== 'calling,waiting';) {
      phases = (await list())
        .map(({ phase }: { phase: string }) => phase)
        .sort()
        .join()
    }

    const started = performance.now()
    server.child.kill('SIGTERM')
    t.equal(await server.ended, 0, 'it ends well')
    const took = performance.now() - started
    t.ok(took < 1000, 'within a second', { took })
    t.comment(took)
    t.equal(server.out.stderr, '')

    const answers = { waiting: await waiting, hanging: await hanging }
    for (const [name, { status, headers, body, complete }] of Object.entries(answers)) {
      t.match([status, complete], [202, true], `${name}: a complete answer`)
      t.equal(headers['connection'], 'close')
      t.equal(headers['location'], body.self)
    }
    t.match(answers.waiting.body, { status: 'running', phase: 'waiting', resource: { kind: 'node' } })
    t.match(answers.hanging.body, { status: 'pending', phase: 'reconciling', resource: null })
    const read = await reading
    t.match(
      [read.status, read.complete, read.body.code, read.headers['retry-after']],
      [503, true, 'shutting_down', '1'],
      'who reads is told to come again'
    )
    await idleClosed

    settle(directory, { default: {}, hung: {} })
    const next = await serve(t, [], { cwd: directory })
    for (const [name, { body }] of Object.entries(answers)) {
      const operation = (await (await fetch(`${next.url}${body.self}?wait=30`)).json()) as any
      t.match(operation, { status: 'succeeded', resource: { state: 'running' } }, `${name}: ended at the next start`, {
        operation
      })
      const nodes = (await (await fetch(`${next.url}/api/v2/clouds/${operation.cloud}/nodes`)).json()) as any
      t.equal(nodes.total, 1, 'with one node')
    }
  }
)

t.test('a client that has connected and says nothing does not keep the server', async (t) => {
  const directory = t.testdir()
  settle(directory, { default: {} })
  const server = await serve(t, [], { cwd: directory })
  const mute = net.connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' })
  await once(mute, 'connect')
  // Accepted too, since one that came after it is answered.
  await fetch(`${server.url}/health/live`)
  const started = performance.now()
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.ok(performance.now() - started < 2000)
  if (!mute.closed) await once(mute, 'close')
})

t.test('while it closes, a server answers those who wait, and takes no more', async (t) => {
  const { app, api } = await build(t, { clouds: { default: dummy({ delay: 3600 }) } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as net.AddressInfo
  const { body: { self } } = await api.post('/api/v2/clouds/default/nodes', input)
  const polling = open(`http://127.0.0.1:${port}${self}?wait=30`)
  await once(app.server, 'request')
  // Half a request: a connection that is not idle.
  const late = net.connect({ port, host: '127.0.0.1' })
  await once(late, 'connect')
  await new Promise<void>((resolve) => late.write('GET /health/ready HTTP/1.1\r\nHost: localhost\r\n', () => resolve()))
  await once(
    await open(`http://127.0.0.1:${port}/health/ready`).then(({ status, socket }) => {
      t.equal(status, 200)
      return socket.end()
    }),
    'close'
  )

  const closed = app.close()
  const polled = await polling
  t.match(
    [polled.status, polled.complete, polled.body.status],
    [200, true, 'running'],
    'who polls hears how far it has come'
  )
  t.equal(polled.headers['connection'], 'close')
  late.write('\r\n')
  const [answer] = await once(late.setEncoding('utf8'), 'data') as [string]
  t.match(answer, /^HTTP\/1\.1 503 /)
  t.match(answer, /content-type: application\/problem\+json/)
  t.match(answer, /connection: close/i)
  t.match(answer, /"code":"shutting_down"/)
  await closed
})

/** Requests over one connection, one after the other. The answers are counted by their status. */
interface Tally {
  answers: Record<number, number>
  /** Requests that were sent and got no whole answer. */
  lost: string[]
  refused: number
}

/**
 * Sends requests over a connection until the server says that it closes it, or closes it between two requests. Resolves
 * to whether the server can be reached.
 */
async function talk (port: number, requests: () => string | undefined, tally: Tally) {
  const socket = net.connect({ port, host: '127.0.0.1' })
  let failure = 'closed'
  socket.on('error', ({ message }) => { failure = message })
  const closed = new Promise<undefined>((resolve) => { socket.once('close', () => resolve(undefined)) })
  if (await Promise.race([once(socket, 'connect').catch(() => undefined), closed]) === undefined) {
    tally.refused++
    return false
  }
  let text = ''
  let arrived = () => {}
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    arrived()
  })
  for (let request = requests(); request !== undefined && !socket.destroyed; request = requests()) {
    text = ''
    if (!socket.writable || socket.readableEnded) break
    socket.write(request)
    let answer: { status: number, closes: boolean } | undefined
    while (answer === undefined) {
      const more = new Promise<boolean>((resolve) => { arrived = () => resolve(true) })
      answer = parse(text)
      if (answer === undefined && await Promise.race([more, closed]) === undefined) break
    }
    if (answer === undefined) {
      tally.lost.push(`${request.split(' HTTP', 1)[0]}: ${failure}, after ${text.length} characters`)
      break
    }
    tally.answers[answer.status] = (tally.answers[answer.status] ?? 0) + 1
    if (answer.closes) break
  }
  socket.destroy()
  return true
}

/** Parses an answer that has come to its end. */
function parse (text: string) {
  const [head = '', body] = text.split('\r\n\r\n', 2)
  if (body === undefined) return undefined
  const [, length = '0'] = /content-length: (\d+)/i.exec(head) ?? []
  if (Buffer.byteLength(body) < Number(length)) return undefined
  return { status: Number(head.slice(9, 12)), closes: /connection: close/i.test(head) }
}

t.test('SIGTERM under load leaves no request without an answer', async (t) => {
  const directory = t.testdir()
  settle(directory, { default: { state_file: null, delay: 0, nodes: 20 } })
  const server = await serve(t, [], { cwd: directory })
  const port = Number(new URL(server.url).port)
  const tally: Tally = { answers: {}, lost: [], refused: 0 }
  const head = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`
  const body = JSON.stringify(input)
  const get = `${head('GET', '/api/v2/clouds/default/nodes')}\r\n`
  const create = `${head('POST', '/api/v2/clouds/default/nodes')}Content-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`

  let turn = 0
  const keep = async () => { while (await talk(port, () => ++turn % 20 === 0 ? create : get, tally)); }
  const renew = async () => {
    let requests: string[]
    do requests = [get]
    while (await talk(port, () => requests.pop(), tally))
  }
  const loads = [...Array.from({ length: 50 }, keep), ...Array.from({ length: 5 }, renew)]
  while ((tally.answers[200] ?? 0) < 1000) {
    await once(server.child.stdout!, 'data', { signal: AbortSignal.timeout(20) }).catch(() => {})
  }

  const started = performance.now()
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0, 'it ends well')
  const took = performance.now() - started
  await Promise.all(loads)
  t.same(tally.lost, [], 'every request that was sent is answered', { answers: tally.answers })
  t.ok((tally.answers[503] ?? 0) > 0, 'those that came too late with 503', { answers: tally.answers })
  t.ok(took < 3000, 'in bounded time', { took })
  t.comment(`${JSON.stringify(tally.answers)}, ${tally.lost.length} lost, ${took.toFixed(0)} ms`)
})
