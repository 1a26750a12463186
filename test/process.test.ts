import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { services } from '../drivers/driver.ts'
import protocol from '../drivers/process/protocol.schema.json' with { type: 'json' }
import { cli } from './fixtures/process.ts'
import { build, dummy, makeDirectory, root } from './helper/app.ts'
import { startServer } from './helper/packed.ts'

const fixture = path.join(root, 'dist/test/fixtures/process-driver.js')
const secret = 'a-secret-of-the-account'

const cloud = (settings: object, more: object = {}) => ({
  driver: 'process', command: [process.execPath, fixture], settings: { secret_token: secret, ...settings }, ...more
})

const nodes = (name: string) => `/api/v2/clouds/${name}/nodes`

/** Collects the log of a server. */
function collectLog () {
  const lines: Record<string, any>[] = []
  const stream = new Writable({
    write (chunk, _encoding, done) {
      lines.push(...String(chunk).trim().split('\n').map((line) => JSON.parse(line)))
      done()
    }
  })
  return { lines, logger: { level: 'info', stream } as object }
}

const pidOf = (lines: Record<string, any>[]) =>
  lines.findLast(({ msg }) => msg === 'the process of the driver is started')?.['pid'] as number | undefined

// In the group of the process there may be the watcher for another moment.
async function isGone (pid: number) {
  for (let tries = 0; tries < 100; tries++) {
    const state = (() => {
      try {
        return / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
      } catch {
        return undefined
      }
    })()
    if (state === undefined || state === 'Z') return true
    await sleep(50)
  }
  return false
}

t.test('the first request starts the process; neither the start nor the health check does', async (t) => {
  const { lines, logger } = collectLog()
  const { api } = await build(t, {
    clouds: { default: cloud({ count: 3 }), other: dummy() }, settings: { health_seconds: 1 }, logger
  })
  await sleep(1300)
  t.equal(pidOf(lines), undefined, 'no process after a check of all clouds')
  const { body: list } = await api.get('/api/v2/clouds')
  t.match(list.items[0], { name: 'default', health: { status: 'unknown' }, host: null })
  t.equal((await api.get(`${nodes('default')}/n..`)).status, 404, 'an id that does not fit the described pattern')
  t.type(pidOf(lines), 'number', 'a request starts it')
  const { body } = await api.get(nodes('default'))
  t.match(body.items[1], {
    id: 'n1',
    cloud: 'default',
    driver: 'process',
    self: '/api/v2/clouds/default/nodes/n1',
    state: 'running',
    transitioning: false,
    tags: {},
    volume_ids: null
  })
  t.match((await api.get('/api/v2/clouds/default')).body, {
    host: 'cloud.test',
    health: { status: 'up' },
    capabilities: { 'nodes.list': {}, 'nodes.create': { parameters: ['name', 'image_id', 'size_id'] } }
  })
  t.match((await api.post(`${nodes('default')}`, { name: 'a', image_id: 'i', size_id: 's', user_data: 'x' })).body,
    { code: 'not_supported', capability: 'nodes.create.user_data' })
  t.match((await api.post(`${nodes('default')}/n1/actions/stop`)).body,
    { code: 'not_supported', capability: 'nodes.stop' })
})

t.test('a list of 10,000 nodes crosses in pages', async (t) => {
  const { api } = await build(t, { clouds: { default: cloud({ count: 10_000 }) } })
  const { items } = await api.walk(`${nodes('default')}?limit=1000`)
  t.equal(items.length, 10_000)
  t.equal(new Set(items.map(({ id }) => id)).size, 10_000)
})

t.test('secrets are in the first message only; the environment has the named variables', async (t) => {
  process.env['ORCHESTRATOR_TEST_SECRET'] = 'not for drivers'
  t.teardown(() => { delete process.env['ORCHESTRATOR_TEST_SECRET'] })
  const { api } = await build(t, { clouds: { default: cloud({ mode: 'environment' }, { env: { ACME_DEBUG: '1' } }) } })
  const { body: { items: [node] } } = await api.get(nodes('default'))
  const allowed = /^(PATH|HOME|LANG|LC_ALL|TZ|PWD|OLDPWD|SHLVL|ACME_DEBUG|\w*_proxy|\w*_PROXY|SSL_CERT_\w+|\w+_CA_\w+)$/
  t.same(node.name.split(' ').filter((name: string) => !allowed.test(name)), [])
  t.match(node.name, /ACME_DEBUG/)
  t.equal(node.tags.args, '', 'no arguments but those of the command')
})

const failures: [mode: string, answer: object][] = [
  [
    'no json',
    { status: 502, code: 'provider_error', detail: /a line to stdout that is not JSON: this is a debug message/ }
  ],
  ['no answer', { status: 502, code: 'provider_error', detail: /no answer of JSON-RPC 2\.0/ }],
  ['strange id', { status: 502, code: 'provider_error', detail: /answered a request that does not exist/ }],
  [
    'misfit',
    { status: 502, code: 'provider_error', detail: /nodes\.list: items\.0\.state is "flying", must be one of/ }
  ],
  ['no items', { status: 502, code: 'provider_error', detail: /nodes\.list: the result is 7/ }],
  ['huge', { status: 502, code: 'provider_error', detail: /more than 8 MiB/ }],
  ['exit', { status: 503, code: 'provider_unavailable', detail: /ended with the exit code 7/ }],
  ['crash', { status: 503, code: 'provider_unavailable', detail: /ended with the exit code 1/ }],
  [
    'refuse',
    {
      status: 503,
      code: 'provider_rate_limited',
      retry_after: 7,
      provider_error: { code: 'E429', message: 'no, ***' }
    }
  ],
  ['defect', { status: 500, code: 'internal_error', detail: /undefined is no function/ }],
  ['mute', { status: 503, code: 'provider_unavailable', detail: /did not answer its first message within 1 s/ }],
  [
    'old',
    {
      status: 500,
      code: 'internal_error',
      detail: /version 99 of the contract of drivers, and this server has version 1/
    }
  ],
  ['undescribed', { status: 502, code: 'provider_error', detail: /nodes\.fly, which is not in the contract/ }]
]
t.test('a process that misbehaves is reported, and harms no other cloud', async (t) => {
  const { lines, logger } = collectLog()
  const nameOf = (mode: string) => mode.replaceAll(' ', '-')
  const clouds = failures.map(([mode]) => [nameOf(mode), cloud({ mode }, { start_seconds: mode === 'mute' ? 1 : 20 })])
  const { api } = await build(t, { clouds: { ...Object.fromEntries(clouds), other: dummy() }, logger })
  for (const [mode, answer] of failures) {
    const { body } = await api.get(nodes(nameOf(mode)))
    t.match(body, answer, mode)
    t.ok(body.hint)
    t.notMatch(JSON.stringify(body), new RegExp(secret))
  }
  t.notMatch(JSON.stringify(lines), new RegExp(secret))
  t.equal((await api.get(nodes('other'))).status, 200)
})

t.test('a command that cannot be started is reported with what to do', async (t) => {
  const { api } = await build(t, {
    clouds: {
      absent: { driver: 'process', command: ['no-such-program'] },
      ending: { driver: 'process', command: ['sh', '-c', 'exit 4'] },
      wrong: cloud({ colour: 'red' })
    }
  })
  t.match((await api.get(nodes('absent'))).body, {
    code: 'provider_unavailable', detail: /no-such-program \(looked for in PATH\)/, hint: /Correct `command`/
  })
  t.match((await api.get(nodes('ending'))).body, { code: 'provider_unavailable', detail: /exit code 4/ })
  t.match((await api.get(nodes('wrong'))).body, {
    code: 'internal_error', detail: /settings\.colour is not a setting; known settings: mode/
  })
})

t.test('a process that fails again and again is started with backoff', async (t) => {
  const { api } = await build(t, { clouds: { default: { driver: 'process', command: ['sh', '-c', 'exit 4'] } } })
  const until = async (detail: RegExp) => {
    for (;;) {
      const { body } = await api.get(nodes('default'))
      if (detail.test(body.detail)) return body
    }
  }
  await until(/exit code 4/)
  t.match(await until(/failed [2-9] times in a row/), { code: 'provider_unavailable', retry_after: Number })
  await until(/exit code 4/)
  t.pass('it is tried again')
})

t.test('a process that hangs is ended after its grace, and started again', async (t) => {
  const { lines, logger } = collectLog()
  const { api } = await build(t, {
    clouds: { default: cloud({ mode: 'hang' }, { timeout: 2, grace_seconds: 0.3 }), other: dummy() }, logger
  })
  t.match((await api.get(nodes('default'))).body, { status: 504, code: 'provider_timeout' })
  const pid = pidOf(lines)!
  t.ok(await isGone(pid), 'the process is killed')
  t.equal((await api.get(nodes('other'))).status, 200)
  t.match((await api.get('/api/v2/clouds/default')).body, { health: { status: 'up' } }, 'the next call starts another')
  t.not(pidOf(lines), pid)
})

t.test('a call whose time is over does not disturb the next one', async (t) => {
  const { lines, logger } = collectLog()
  const { api } = await build(t, { clouds: { default: cloud({ mode: 'cancelled' }, { timeout: 2 }) }, logger })
  t.equal((await api.get(nodes('default'))).status, 504)
  t.equal((await api.get(nodes('default'))).status, 200)
  t.equal(lines.filter(({ msg }) => msg === 'the process of the driver is started').length, 1, 'in the same process')
})

t.test('stderr goes to the log, masked and at most 100 lines a second', async (t) => {
  const { lines, logger } = collectLog()
  const { app, api } = await build(t, { clouds: { default: cloud({ mode: 'stderr', count: 1 }) }, logger })
  t.equal((await api.get(nodes('default'))).status, 200)
  await app.close()
  const written = lines.filter(({ stderr }) => stderr !== undefined)
  t.match(written[0], { cloud: 'default', stderr: 'line 0 ***' })
  t.ok(written.length <= 200, 'not all of them', { written: written.length })
  const skipped = lines.filter(({ msg }) => msg === 'the process of the driver wrote too many lines to the log')
  t.equal(written.length + skipped.reduce((sum, line) => sum + line['lines'], 0), 5000, 'the others are counted')
})

for (const create of ['exit before', 'exit after', 'hang after'] as const) {
  t.test(`a create whose process ends (${create} it is made) is looked for, and makes one node`, async (t) => {
    const file = path.join(makeDirectory(t), 'nodes')
    const limits = create === 'exit after' ? {} : { timeout: 2, grace_seconds: 0.2 }
    const { api } = await build(t, {
      clouds: { default: cloud({ create, file }, limits) }, settings: { operations: { reconcile_seconds: 0 } }
    })
    const { body } = await api.post(nodes('default'), { name: 'web-1', image_id: 'i', size_id: 's' })
    if (create === 'exit before') {
      // It ends each process, so the create is given up.
      t.match(await api.ended(body), { status: 'failed', error: { code: /outcome_unknown|provider_unavailable/ } })
      return
    }
    t.match(await api.ended(body), { status: 'succeeded', resource: { id: 'n1000', state: 'running' } })
    t.equal(readFileSync(file, 'utf8').trim().split('\n').length, 1)
  })
}

t.test('an idle process is ended, and the next request starts another one', async (t) => {
  const { lines, logger } = collectLog()
  const { api } = await build(t, { clouds: { default: cloud({ count: 1 }, { idle_minutes: 0.005 }) }, logger })
  t.equal((await api.get(nodes('default'))).status, 200)
  const pid = pidOf(lines)!
  t.ok(await isGone(pid))
  t.equal((await api.get(nodes('default'), { 'cache-control': 'no-cache' })).status, 200)
  t.not(pidOf(lines), pid)
})

t.test('the processes end with the server, with all that they have started', async (t) => {
  const { app, api } = await build(t, { clouds: { default: cloud({ mode: 'fork' }) } })
  const { body: { items: [{ name }] } } = await api.get(nodes('default'))
  const pids: number[] = name.split(' ').map(Number)
  await app.close()
  for (const pid of pids) t.ok(await isGone(pid), `process ${pid}`)
})

for (const mode of ['fork', 'hang']) {
  t.test(`a server that is killed leaves no process of a driver behind (${mode})`, async (t) => {
    const directory = makeDirectory(t)
    writeFileSync(path.join(directory, 'orchestrator.json'), JSON.stringify({
      clouds: { default: cloud({ mode }), other: cloud({ mode: 'fork' }) }
    }))
    const server = await startServer(t, cli, directory, { LOG_LEVEL: 'silent' })
    const answer = await fetch(`${server}${nodes('other')}`)
    const { items } = await answer.json() as { items: { name: string }[] }
    const pids = items[0]!.name.split(' ').map(Number)
    const parent = Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${pids[0]}/stat`, 'utf8'))![1])
    if (mode === 'hang') {
      fetch(`${server}${nodes('default')}`).catch(() => {})
      await sleep(500)
    }
    process.kill(parent, 'SIGKILL')
    for (const pid of pids) t.ok(await isGone(pid), `process ${pid}`)
  })
}

t.test('a farm without such clouds starts no process and loads none of the code', async (t) => {
  const coverage = path.join(makeDirectory(t), 'coverage')
  const server = spawn(process.execPath, [cli, 'serve'], {
    cwd: makeDirectory(t),
    env: { PATH: process.env['PATH'], PORT: '0', NODE_V8_COVERAGE: coverage },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(server, 'exit')
  t.teardown(() => { server.kill('SIGKILL') })
  let output = ''
  let origin: string | undefined
  for await (const chunk of server.stdout) {
    output += String(chunk)
    origin = /API +(http:\/\/[^/]+)/.exec(output)?.[1]
    if (origin !== undefined) break
  }
  for (const path of [
    '/api/v2/nodes', '/api/v2/clouds', '/api/v2/drivers', '/api/v2/drivers/process', '/health/ready'
  ]) {
    t.equal((await fetch(origin + path)).status, 200, path)
  }
  const threads = readdirSync(`/proc/${server.pid}/task`)
  const children = threads.map((id) => readFileSync(`/proc/${server.pid}/task/${id}/children`, 'utf8'))
  t.same(children.join(''), '', 'no process')
  server.kill('SIGTERM')
  await ended
  const loaded = readdirSync(coverage).flatMap((file) =>
    (JSON.parse(readFileSync(path.join(coverage, file), 'utf8')) as { result: { url: string }[] }).result)
    .flatMap(({ url }) => url.includes('/bundle/') ? fileURLToPath(url) : [])
  const sources = loaded.flatMap((file) =>
    (JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] }).sources)
  const ofDrivers = sources.flatMap((source) => /\bdrivers\/((?:process|libcloud)\/.*)$/.exec(source)?.[1] ?? [])
  t.same([...new Set(ofDrivers)].sort(), [
    'libcloud/index.ts', 'libcloud/places.ts', 'process/index.ts', 'process/lazy.ts', 'process/settings.ts'
  ], 'only the descriptions of their settings')
})

t.test('the schema of the protocol names every service', async (t) => {
  const { definitions: { description: { properties } } } = protocol
  t.same(properties.ids.propertyNames.enum, services)
})
