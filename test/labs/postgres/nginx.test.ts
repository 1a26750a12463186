import { writeFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { serve, type Serving } from '../../fixtures/process.ts'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { send, startNginxCluster, type Proxy } from '../running/proxies.ts'
import { startCluster } from './cluster.ts'
import { findPort } from './process.ts'

// Needs Debian's packages nginx-light, openssl and postgresql.
t.setTimeout(280_000)

/** Starts three servers with one store behind nginx. Each keeps its port when it is started again. */
async function startThree (t: Test) {
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase()
  const directory = makeDirectory(t)
  const ports = [await findPort(), await findPort(), await findPort()] as const
  const start = (port: number) => serve(t, [], { cwd: directory, env: { DATABASE_URL: url, PORT: String(port) } })
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({
    log_requests: false,
    log_level: 'warn',
    trust_proxy: ['loopback'],
    allowed_hosts: ['api.example.org'],
    clouds: { default: dummy({ nodes: 5, cache_seconds: 0 }) }
  }))
  const servers: Serving[] = []
  for (const port of ports) servers.push(await start(port))
  const proxy = await startNginxCluster(t, directory, ports)
  return { cluster, ports, servers, start, proxy }
}

interface Load {
  sent: number
  /** The unexpected answers and errors, with the number of each. */
  failed: Map<string, number>
  /** Changes that were repeated with their key, because their connection was closed. */
  repeated: number
  /** Changes that a server had begun when it was killed: the next server says that their outcome is unknown. */
  unknown: number
  stop (): Promise<void>
}

/** Milliseconds within which the other servers know that a server was killed, with some to spare. */
const maxRepeats = 60_000

const clientsThatRead = 3
const clientsThatChange = 3

/** Sends reads, and keyed creates of networks, from several clients at once, until it is stopped. */
function startLoad (proxy: Proxy): Load {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 8 })
  const load = { sent: 0, failed: new Map<string, number>(), repeated: 0, unknown: 0 }
  const state = { isRunning: true }
  const count = (what: string) => load.failed.set(what, (load.failed.get(what) ?? 0) + 1)
  const read = async () => {
    load.sent++
    const { status, text } = await send(proxy, { path: '/api/v2/nodes', agent })
    if (status !== 200) count(`GET ${status} ${text}`)
  }
  /** Repeats a change with its key, as a client should, while the answer says that the first one has no answer yet. */
  const change = async (key: string) => {
    load.sent++
    const request = {
      path: '/api/v2/clouds/default/networks',
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ name: key }),
      agent
    }
    for (const deadline = Date.now() + maxRepeats; Date.now() < deadline;) {
      const { status, text } = await send(proxy, request)
      if (status === 201) return
      // nginx answers 502 in HTML for a change on a connection that the server closed, and does not repeat it.
      const code = text.startsWith('{') ? JSON.parse(text).code : undefined
      if (code === 'outcome_unknown') {
        load.unknown++
        return
      }
      const isClosed = status === 502 && code === undefined
      if (isClosed) load.repeated++
      else if (code !== 'idempotency_in_progress') count(`POST ${status} ${text}`)
      await sleep(isClosed ? 100 : 1000)
    }
    count(`no answer to ${key}`)
  }
  const clients = Array.from({ length: clientsThatRead + clientsThatChange }, async (_, client) => {
    for (let i = 0; state.isRunning; i++) {
      const ended = client < clientsThatRead ? read() : change(`key-${client}-${i}`)
      await ended.catch((error: Error) => count(error.message))
      await sleep(5)
    }
  })
  return Object.assign(load, {
    async stop () {
      state.isRunning = false
      await Promise.all(clients)
      agent.destroy()
    }
  })
}

const isReady = (proxy: Proxy) => send(proxy, { path: '/health/ready' }).then(({ status }) => status === 200)

t.test('a rolling restart of three servers under load fails no request', async (t) => {
  const { ports, servers, start, proxy } = await startThree(t)
  t.ok(await isReady(proxy))
  const load = startLoad(proxy)
  await sleep(500)
  for (const [i, port] of ports.entries()) {
    servers[i]!.child.kill('SIGTERM')
    t.equal(await servers[i]!.ended, 0)
    servers[i] = await start(port)
    // nginx tries a server again after fail_timeout.
    await sleep(1100)
  }
  await load.stop()
  t.same(Object.fromEntries(load.failed), {}, `of ${load.sent} requests`)
  t.ok(load.sent > 500, `${load.sent} requests`)
  t.ok(load.repeated <= 5, `${load.repeated} changes met a connection that was closed, and were repeated`)
  t.equal(load.unknown, 0, 'a server that is stopped answers what it has begun')
})

t.test('a server that is killed fails only what it was about to answer', async (t) => {
  const { servers, proxy } = await startThree(t)
  const load = startLoad(proxy)
  await sleep(500)
  servers[1]!.child.kill('SIGKILL')
  await servers[1]!.ended
  await sleep(2000)
  await load.stop()
  t.same(Object.fromEntries(load.failed), {}, `of ${load.sent} requests`)
  t.ok(load.unknown <= clientsThatChange, `the outcome of ${load.unknown} changes is unknown`)
})
