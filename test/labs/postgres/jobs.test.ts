import path from 'node:path'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { start } from '../../fixtures/process.ts'
import { root } from '../../helper/app.ts'
import { createRecord, startServer, testJobs } from '../../jobs/cases.ts'
import { startCluster, startPgbouncer, type Cluster } from './cluster.ts'

t.setTimeout(240_000)

let cluster: Cluster
t.before(async () => {
  cluster = await startCluster(t)
})

testJobs(async () => ({ DATABASE_URL: await cluster.createDatabase() }))

t.test('a job of several servers runs on one of them', async (t) => {
  const url = await cluster.createDatabase()
  const record = createRecord()
  const define = (name: string) => (jobs: Parameters<Parameters<typeof startServer>[2]>[0]) =>
    jobs.work('note', async ({ key }) => {
      record.add(key, name)
      return undefined
    }, { atOnce: 3 })
  const servers = await Promise.all(['a', 'b', 'c'].map((name) => startServer(t, { DATABASE_URL: url }, define(name))))
  const keys = Array.from({ length: 100 }, (_, i) => `job-${i}`)
  await Promise.all(keys.map((key, i) => servers[i % 3]!.jobs.schedule('note', key, Date.now() + 3_600_000)))
  await Promise.all(keys.map((key, i) => servers[(i + 1) % 3]!.jobs.schedule('note', key, Date.now() + 500)))
  await record.count(100)
  await sleep(2500)
  t.same(record.runs.map(({ key }) => key).sort(), keys.sort(), 'each once')
})

/** Starts a process that runs the job `hold`, and prints its runs. */
function startWorker (t: Test, url: string) {
  const program = path.join(root, 'dist/test/fixtures/job-worker.js')
  const worker = start(t, [], { cwd: root, program, env: { DATABASE_URL: url } })
  return {
    ...worker,
    async says (text: string) {
      while (!worker.out.stdout.includes(text)) {
        await Promise.race([once(worker.child.stdout!, 'data'), worker.ended.then((code) => {
          throw new Error(`the worker ended (${code}): ${worker.out.stderr}`)
        })])
      }
    }
  }
}

for (const pooled of [false, true]) {
  const where = pooled ? ', behind pgbouncer' : ''
  t.test(`a job of a server that was killed runs on another within 30 s${where}`, async (t) => {
    const direct = await cluster.createDatabase()
    const url = pooled ? (await startPgbouncer(t, cluster)).urlOf(direct) : direct
    // The tables are made without the pooler.
    const { app } = await startServer(t, { DATABASE_URL: direct }, () => {})
    await app.close()
    const first = startWorker(t, url)
    await first.says('ready')
    await first.says('hold one')
    const second = startWorker(t, url)
    await second.says('ready')
    // Longer than a job may run without a renewal.
    await sleep(17_000)
    t.notMatch(second.out.stdout, /hold/, 'the first still runs it')
    first.child.kill('SIGKILL')
    const killed = performance.now()
    await second.says('hold one')
    const seconds = (performance.now() - killed) / 1000
    t.ok(seconds < 30, `${seconds} s`)
    t.comment(`${seconds.toFixed(1)} s`)
  })
}

t.test('a store that is away for 10 s ends nothing: jobs go on', async (t) => {
  const own = await startCluster(t)
  const url = await own.createDatabase()
  const record = createRecord()
  let end = () => {}
  const { jobs, log } = await startServer(t, { DATABASE_URL: url }, (jobs) => {
    jobs.every('often', 0.2, async () => record.add('often', null))
    jobs.work('slow', async ({ key }) => {
      record.add(key, null)
      await new Promise<void>((resolve) => { end = resolve })
      return undefined
    })
  })
  await jobs.schedule('slow', 'slow', Date.now())
  while (!record.runs.some(({ key }) => key === 'slow')) await record.count(record.runs.length + 1)
  await own.stop('immediate')
  await t.rejects(jobs.schedule('slow', 'other', Date.now()))
  setTimeout(() => end(), 5000)
  await sleep(10_000)
  await own.start()
  const before = record.runs.length
  await record.count(before + 3)
  await sleep(6000)
  t.equal(record.runs.filter(({ key }) => key === 'slow').length, 1, 'its end was written')
  t.equal(log.filter(({ msg }) => /cannot be read or written/.test(msg)).length, 1, 'logged once')
  t.notMatch(JSON.stringify(log), own.password)
})

t.test('servers that start at once on an empty database make the tables of the jobs together', async (t) => {
  const names = Array.from({ length: 12 }, (_, i) => `kind-${i}`)
  const define = (jobs: Parameters<Parameters<typeof startServer>[2]>[0]) => {
    for (const name of names) jobs.work(name, async () => undefined)
  }
  for (const round of [1, 2, 3]) {
    const url = await cluster.createDatabase()
    await Promise.all(Array.from({ length: 6 }, () => startServer(t, { DATABASE_URL: url }, define)))
    const queues = await cluster.query('select name from pgboss.queue', [], url)
    t.same(queues.map(({ name }) => name).sort(), [...names].sort(), `round ${round}`)
  }
})
