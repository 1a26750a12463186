import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { beatInterval } from '../../../plugins/membership/heartbeat.ts'
import { run, serve, type Serving } from '../../fixtures/process.ts'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { startCluster } from './cluster.ts'

t.setTimeout(280_000)

/** Returns the processes that a process has started. */
const workersOf = ({ child }: Serving) => {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
  return children.trim().split(' ').filter((pid) => pid !== '').map(Number)
}

const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until<T> (read: () => Promise<T> | T, fits: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read()
    if (fits(value)) return value
    await sleep(50)
  }
}

/** Each request has a connection of its own, so that the primary process hands it to the next worker. */
const get = (url: string) => fetch(url, { headers: { connection: 'close' } })

async function startWorkers (t: Test, settings: object, args: readonly string[] = [], workers = 3) {
  const cluster = await startCluster(t)
  const cwd = makeDirectory(t)
  const all = { port: 0, log_requests: false, clouds: { default: dummy({ max_in_flight: 8 }) }, ...settings }
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify(all))
  const env = { DATABASE_URL: await cluster.createDatabase() }
  const server = await serve(t, ['serve', '--workers', String(workers), ...args], { cwd, env })
  return { server, cluster, cwd, env }
}

t.test('several workers share one port, and their metrics are sums', async (t) => {
  const { server } = await startWorkers(t, { metrics: { port: 0 } })
  t.equal(workersOf(server).length, 3)
  const [, metrics = ''] = /"address":"(http:[^"]+)"/.exec(server.out.stdout)!
  t.equal(server.out.stdout.match(/^ {2}API /gm)?.length, 1, 'the address is printed once')
  for (let i = 0; i < 12; i++) t.equal((await get(`${server.url}/api/v2/nodes`)).status, 200)

  const read = async (series: string) => {
    const text = await (await get(metrics)).text()
    return Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ').at(-1))
  }
  const requests = 'orchestrator_http_request_duration_seconds_count{method="GET",route="/api/v2/nodes",status="200"}'
  t.equal(await read(requests), 12, 'each scrape has the requests of all workers')
  t.equal(await read('orchestrator_cloud_up{cloud="default"}'), 1, 'a cloud is up once')
  const calls = 'orchestrator_cloud_call_duration_seconds_count{cloud="default",method="nodes.list",outcome="ok"}'
  t.ok(await read(calls) >= 3, 'each worker has listed the cloud')

  await t.test('a worker that is killed is started again, and nothing that it counted is lost', async (t) => {
    const before = workersOf(server)
    process.kill(before[1]!, 'SIGKILL')
    const after = await until(() => workersOf(server), (pids) => pids.length === 3 && !pids.includes(before[1]!))
    t.ok(after.includes(before[0]!) && after.includes(before[2]!), 'the others go on')
    await until(() => server.out.stdout.match(/"msg":"listening/g)!.length, (count) => count === 4)
    t.match(server.out.stdout, /"signal":"SIGKILL","restart_ms":200,"msg":"a worker has ended/)
    for (let i = 0; i < 6; i++) t.equal((await get(`${server.url}/api/v2/nodes`)).status, 200)
    t.equal(await read(requests), 18)
  })

  await t.test('SIGTERM ends all of them gracefully', async (t) => {
    const pids = workersOf(server)
    server.child.kill('SIGTERM')
    t.equal(await server.ended, 0)
    t.same(pids.filter(isRunning), [])
    t.equal(server.out.stderr, '')
  })
})

t.test('a signal to all processes at once ends them gracefully as well', async (t) => {
  const { server } = await startWorkers(t, {})
  const pids = workersOf(server)
  for (const pid of [...pids, server.child.pid!]) process.kill(pid, 'SIGTERM')
  t.equal(await server.ended, 0)
  t.same(pids.filter(isRunning), [])
})

t.test('no worker outlives the primary process', async (t) => {
  const { server } = await startWorkers(t, {})
  const pids = workersOf(server)
  server.child.kill('SIGKILL')
  await server.ended
  await until(() => pids.filter(isRunning).length, (count) => count === 0)
})

t.test('max_in_flight of a cloud is divided among the workers', async (t) => {
  const slow = dummy({ max_in_flight: 4, latency: 0.5, cache_seconds: 0, nodes: 40 })
  const { server } = await startWorkers(t, { clouds: { default: slow }, metrics: { port: 0 } }, [], 2)
  // A worker learns of the other by its next heartbeat.
  await sleep(beatInterval + 500)
  const [, metrics = ''] = /"address":"(http:[^"]+)"/.exec(server.out.stdout)!
  const { items } = await (await get(`${server.url}/api/v2/nodes`)).json() as { items: { self: string }[] }
  const reads = items.map(({ self }) => get(server.url + self))
  const seen: number[] = []
  const ended = Promise.all(reads).then(() => true)
  while (!await Promise.race([ended, sleep(50, false)])) {
    const text = await (await get(metrics)).text()
    seen.push(Number(/^orchestrator_cloud_requests_in_flight\{cloud="default"\} (\d+)/m.exec(text)?.[1]))
  }
  t.equal(Math.max(...seen), 4, seen.join())
})

t.test('the limits of a caller are divided among the workers', async (t) => {
  const limits = { per_caller: { requests_per_minute: 60 } }
  const { server, env, cwd } = await startWorkers(t, { auth: {}, limits }, [], 2)
  const key = (await run(t, ['keys', 'create', 'ci', '--grant', 'read:*'], { cwd, env })).stdout.trim()
  await sleep(beatInterval + 500)
  const headers = { authorization: `Bearer ${key}`, connection: 'close' }
  const answers = []
  for (let i = 0; i < 90; i++) answers.push(await fetch(`${server.url}/api/v2/me`, { headers }))
  const accepted = answers.filter(({ status }) => status === 200).length
  t.ok(accepted >= 48 && accepted <= 72, `${accepted} of 60 requests`)
  t.match(answers[0]!.headers.get('ratelimit-policy'), /"caller";q=60;w=60/)
})

t.test('SIGHUP lets every worker open its logs again', async (t) => {
  const { server, cwd } = await startWorkers(t, {}, ['--access-log', 'access.log', '--access-log-format', 'json'])
  const file = path.join(cwd, 'access.log')
  const lines = (name: string) => readFileSync(path.join(cwd, name), 'utf8').split('\n').length - 1
  for (let i = 0; i < 6; i++) await get(`${server.url}/health/live`)
  await until(() => existsSync(file) ? lines('access.log') : 0, (count) => count === 6)
  renameSync(file, `${file}.1`)
  server.child.kill('SIGHUP')
  await until(() => existsSync(file), (exists) => exists)
  // Each worker opens the file by itself.
  await until(async () => {
    for (let i = 0; i < 3; i++) await get(`${server.url}/health/live`)
    const before = lines('access.log.1')
    for (let i = 0; i < 3; i++) await get(`${server.url}/health/live`)
    return lines('access.log.1') - before
  }, (late) => late === 0)
  t.pass('later lines are in the new file')
})

t.test('--workers is refused on SQLite, and for a number that is none, with the reason', async (t) => {
  const cwd = makeDirectory(t)
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify({ port: 0, clouds: { default: dummy() } }))
  const env = { STORE_FILE: 'data/orchestrator.db' }
  t.match(await run(t, ['serve', '--workers', '2'], { cwd, env }), {
    code: 1, stderr: /^The store is a file of SQLite, which one process can use at a time\. .*DATABASE_URL\n$/
  })
  t.match(await run(t, ['serve', '--workers', 'many'], { cwd, env }), {
    code: 1, stderr: /^The number of --workers must be an integer from 1 to 1024\n$/
  })
  t.match(await run(t, ['check', '--workers', '2'], { cwd, env }), {
    code: 1, stderr: /--workers is an option of serve/
  })
})

t.test('a server whose first worker cannot start ends with the reason', async (t) => {
  const cluster = await startCluster(t)
  const cwd = makeDirectory(t)
  writeFileSync(path.join(cwd, 'orchestrator.json'), JSON.stringify({ port: 0, clouds: { default: dummy() } }))
  const env = { DATABASE_URL: cluster.url.replace(/postgres$/, 'missing') }
  const { code, stderr } = await run(t, ['serve', '--workers', '2'], { cwd, env })
  t.equal(code, 1)
  t.match(stderr, /Create the database that store\.url names/)
  t.notOk(stderr.includes(cluster.password))
})
