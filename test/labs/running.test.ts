import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { serve } from '../fixtures/process.ts'
import { dummy, makeDirectory } from '../helper/app.ts'
import { adapt, peakMemory, send, startApache, startNginx, startRelay, type Proxy } from './running/proxies.ts'

// Needs Debian's packages nginx-light, apache2-bin, logrotate, openssl and systemd. The files of deploy/ are used as
// they are, except for ports and paths. The timeouts are the real ones.
t.setTimeout(280_000)
t.jobs = 3

/** Starts a server as docs/running.md says, with its access log in `access.log` of the folder. */
async function startServer (t: Test) {
  const directory = makeDirectory(t)
  const settings = {
    port: 0,
    trust_proxy: ['loopback'],
    allowed_hosts: ['api.example.org'],
    // The operation ends after the longest wait.
    clouds: { default: dummy(), slow: dummy({ delay: 300 }) }
  }
  writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify(settings))
  mkdirSync(path.join(directory, 'log'), { mode: 0o700 })
  const access = path.join(directory, 'log/access.log')
  const server = await serve(t, ['serve', '--access-log', access, '--access-log-format', 'json'], { cwd: directory })
  return { ...server, directory, access, pid: server.child.pid! }
}

type Line = Record<string, unknown>

const readLines = (file: string): Line[] => {
  const content = readFileSync(file)
  const text = String(file.endsWith('.gz') ? gunzipSync(content) : content)
  return text.split('\n').slice(0, -1).map((line) => JSON.parse(line))
}

/** Waits for the line of a request in the access log. */
async function findLine (access: string, path: string) {
  for (;;) {
    const line = readLines(access).find((entry) => entry['path'] === path)
    if (line !== undefined) return line
    await sleep(20)
  }
}

const megabyte = Buffer.alloc(1024 * 1024, 'x')

/** Sends an image of 200 MB. At half of it the client waits until the server has counted a part. */
async function upload (t: Test, proxy: Proxy, pid: number) {
  const before = peakMemory(pid)
  let progress = 0
  async function * file () {
    for (let i = 0; i < 100; i++) yield megabyte
    while (progress < 25) {
      const list = await send(proxy, { path: '/api/v2/operations?kind=images.upload&limit=1' })
      const [running] = JSON.parse(list.text).items
      if (running !== undefined) progress = JSON.parse((await send(proxy, { path: running.self })).text).progress ?? 0
      await sleep(50)
    }
    for (let i = 0; i < 100; i++) yield megabyte
  }
  const { status, text } = await send(proxy, {
    path: '/api/v2/clouds/default/images/upload?name=big&disk_format=raw',
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(200 * megabyte.length),
      prefer: 'wait=30'
    },
    body: file()
  })
  t.equal(status, 200, text)
  t.ok(progress >= 25, 'the server received the first half before the client sent the second')
  const grown = peakMemory(pid) - before
  t.ok(grown < 120, `the memory of the server grew by ${grown.toFixed(0)} MB`)
  const ofProxy = peakMemory(proxy.pid)
  t.ok(ofProxy < 100, `the proxy used ${ofProxy.toFixed(0)} MB`)
  const copies = readdirSync(proxy.temporary, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)\d{10}$/.test(name))
  t.same(copies, [], 'the proxy wrote no copy')
}

for (const [title, start] of [['nginx', startNginx], ['Apache', startApache]] as const) {
  t.test(`behind ${title}`, { buffered: true }, async (t) => {
    const server = await startServer(t)
    const relay = await startRelay(t, Number(new URL(server.url).port))
    const proxy = await start(t, server.directory, relay.port)

    await t.test('the address of the client is not the one that the client claims', async (t) => {
      const headers = {
        'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'gopher'
      }
      const at = '/api/v2/clouds/default/nodes/no%2Fsuch'
      const { status } = await send(proxy, { path: `${at}?include=extra`, headers })
      t.equal(status, 404)
      t.match(await findLine(server.access, at), { client: '127.0.0.5', status: 404 }, 'and the path is as it was sent')
      const page = await send(proxy, {
        path: '/api/v2/clouds/default/nodes/validate',
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: 'https://api.example.org' },
        body: '{}'
      })
      t.equal(page.status, 200, 'a page of the name of the proxy is a page of this server')
    })

    await t.test('an upload of 200 MB streams', async (t) => upload(t, proxy, server.pid))

    await t.test('1,000 requests share few connections to the server', async (t) => {
      const before = relay.opened()
      const agent = new https.Agent({ keepAlive: true, maxSockets: 8 })
      t.teardown(() => agent.destroy())
      const statuses = await Promise.all(Array.from({ length: 8 }, async () => {
        const seen = new Set<number>()
        for (let i = 0; i < 125; i++) seen.add((await send(proxy, { path: '/health/live', agent })).status)
        return [...seen]
      }))
      t.same(new Set(statuses.flat()), new Set([200]))
      const opened = relay.opened() - before
      t.ok(opened <= 40, `${opened} connections`)
    })

    await t.test('a wait of 60 s is answered, and no request meets a connection that the server closed', async (t) => {
      const started = performance.now()
      const seconds = () => (performance.now() - started) / 1000
      const waiting = send(proxy, {
        path: '/api/v2/clouds/slow/nodes',
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=60' },
        body: JSON.stringify({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' })
      })
      const burst = async () => {
        const answers = await Promise.all(Array.from({ length: 10 }, () => send(proxy, { path: '/health/live' })))
        return answers.map(({ status }) => status)
      }
      t.same(new Set(await burst()), new Set([200]))
      const { status, text } = await waiting
      t.equal(status, 202, text)
      t.ok(seconds() >= 60, `${seconds().toFixed(1)} s`)
      // The server closes connections that are idle for 72 seconds.
      const statuses = new Set<number>()
      while (seconds() < 76) for (const one of await burst()) statuses.add(one)
      t.same(statuses, new Set([200]))
    })
  })
}

t.test('logrotate with deploy/logrotate.conf loses no line under load', { buffered: true }, async (t) => {
  const server = await startServer(t)
  const config = path.join(server.directory, 'logrotate.conf')
  writeFileSync(config, adapt('logrotate.conf', {
    '/var/log/orchestrator/*.log': path.join(server.directory, 'log/*.log'),
    '    su orchestrator orchestrator\n': '',
    'systemctl kill --signal=HUP --kill-whom=main orchestrator.service': `kill -HUP ${server.pid}`
  }), { mode: 0o644 })
  const load = { isRunning: true, sent: 0 }
  const answered = Promise.all(Array.from({ length: 4 }, async () => {
    while (load.isRunning) {
      const headers = { 'x-request-id': `request-${load.sent++}` }
      const { body } = await request(`${server.url}/health/live`, { headers })
      await body.dump()
    }
  }))
  const state = path.join(server.directory, 'state')
  for (let rotation = 0; rotation < 4; rotation++) {
    // notifempty: logrotate leaves an empty file as it is.
    const enough = load.sent + 50
    while (load.sent < enough || !existsSync(server.access) || readLines(server.access).length === 0) await sleep(10)
    await promisify(execFile)('/usr/sbin/logrotate', ['--force', '--state', state, config])
  }
  load.isRunning = false
  await answered
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  const folder = path.dirname(server.access)
  const files = readdirSync(folder).sort()
  t.same(files, ['access.log', 'access.log.1', 'access.log.2.gz', 'access.log.3.gz', 'access.log.4.gz'])
  const lines = files.flatMap((file) => readLines(path.join(folder, file)))
  const ids = lines.map((line) => line['request_id'])
  t.equal(ids.length, load.sent, `${load.sent} requests`)
  t.equal(new Set(ids).size, load.sent)
})

t.test('systemd accepts the unit', async (t) => {
  const unit = path.join(makeDirectory(t), 'orchestrator.service')
  writeFileSync(unit, adapt('orchestrator.service', {
    '/usr/bin/node': process.execPath, '#LoadCredential': 'LoadCredential'
  }))
  execFileSync('systemd-analyze', ['verify', unit], { stdio: 'pipe' })
  const report = execFileSync('systemd-analyze', [
    'security', '--offline=true', '--threshold=20', unit
  ], { stdio: 'pipe' })
  t.match(String(report), /Overall exposure level.* OK/)
})
