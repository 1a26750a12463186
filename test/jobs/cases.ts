import { once, EventEmitter } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { loadServer } from '../../config/index.ts'
import membership from '../../plugins/membership/index.ts'
import jobs, { type Jobs } from '../../plugins/jobs/index.ts'
import store from '../../plugins/store/index.ts'

export interface Server { app: FastifyInstance, jobs: Jobs, log: any[] }

/** The variable of the environment that names the store. */
export type Place = { STORE_FILE: string } | { DATABASE_URL: string }

/** Starts a server that has only the store and the jobs that `define` defines. */
export async function startServer (t: Test, place: Place, define: (jobs: Jobs) => void): Promise<Server> {
  const { settings } = await loadServer({ env: { ...place }, cwd: '/nowhere' })
  const log: any[] = []
  const stream = { write: (line: string) => log.push(JSON.parse(line)) }
  const app = Fastify({ logger: { level: 'debug', stream } })
  t.teardown(() => app.close())
  const options = { settings }
  app.register(store, options)
  app.register(membership, options)
  app.register(jobs, options)
  app.register(async (fastify) => define(fastify.jobs))
  await app.ready()
  // The timers of jobs do not keep a process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  return { app, jobs: app.jobs, log }
}

/** Records runs, and lets tests wait for them. */
export function createRecord () {
  const runs: { key: string, data: any, at: number }[] = []
  const changes = new EventEmitter()
  return {
    runs,
    add (key: string, data: unknown) {
      runs.push({ key, data, at: Date.now() })
      changes.emit('run')
    },
    async count (wanted: number) {
      while (runs.length < wanted) await once(changes, 'run')
    }
  }
}

/** Resolves after all jobs that are due now have run: a later job has run on the same server. */
export async function settle ({ jobs }: Server, record: ReturnType<typeof createRecord>) {
  const key = `settle-${Math.random()}`
  await jobs.schedule('settle', key, Date.now() + 100)
  while (!record.runs.some((run) => run.key === key)) await record.count(record.runs.length + 1)
}

/** The tests of the jobs, on one kind of store. */
export function testJobs (openPlace: () => Promise<Place>) {
  const start = async (t: Test, define: (jobs: Jobs, record: ReturnType<typeof createRecord>) => void) => {
    const record = createRecord()
    const settled = createRecord()
    const server = await startServer(t, await openPlace(), (jobs) => {
      jobs.work('settle', async ({ key }) => {
        settled.add(key, null)
        return undefined
      })
      define(jobs, record)
    })
    return { ...server, record, settle: () => settle(server, settled) }
  }

  const note = (jobs: Jobs, record: ReturnType<typeof createRecord>) => jobs.work('note', async ({ key, data }) => {
    record.add(key, data)
    return undefined
  })

  t.test('a job runs once, at its time, with its data', async (t) => {
    const { jobs, record, settle } = await start(t, note)
    const at = Date.now() + 300
    await jobs.schedule('note', 'one', at, { word: 'hello' })
    await record.count(1)
    t.match(record.runs, [{ key: 'one', data: { word: 'hello' } }])
    t.ok(record.runs[0]!.at >= at - 20 && record.runs[0]!.at < at + 1000, `${record.runs[0]!.at - at} ms late`)
    await settle()
    t.equal(record.runs.length, 1)
  })

  t.test('a job that is planned again moves, earlier or later, and has the data of the last plan', async (t) => {
    const { jobs, record, settle } = await start(t, note)
    await jobs.schedule('note', 'earlier', Date.now() + 60_000, 1)
    await jobs.schedule('note', 'earlier', Date.now(), 2)
    await jobs.schedule('note', 'later', Date.now() + 200, 1)
    await jobs.schedule('note', 'later', Date.now() + 60_000, 2)
    await record.count(1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await settle()
    t.same(record.runs.map(({ key, data }) => [key, data]), [['earlier', 2]])
  })

  t.test('a plan that keeps moves a job only to an earlier time', async (t) => {
    const { jobs, record, settle } = await start(t, note)
    await jobs.schedule('note', 'early', Date.now() + 100, 'first')
    await jobs.schedule('note', 'early', Date.now() + 60_000, 'second', { keep: true })
    await jobs.schedule('note', 'late', Date.now() + 60_000, 'first')
    await jobs.schedule('note', 'late', Date.now(), 'second', { keep: true })
    await record.count(2)
    await settle()
    t.same(record.runs.map(({ key, data }) => [key, data]).sort(), [['early', 'first'], ['late', 'first']])
  })

  t.test('a job that is planned while it runs runs again after its end, and never twice at once', async (t) => {
    let running = 0
    let end = () => {}
    const { jobs, record } = await start(t, (jobs, record) => jobs.work('slow', async ({ key, data }) => {
      t.equal(++running, 1)
      record.add(key, data)
      if (data === 'first') await new Promise<void>((resolve) => { end = resolve })
      running--
      return undefined
    }))
    await jobs.schedule('slow', 'k', Date.now(), 'first')
    await record.count(1)
    await jobs.schedule('slow', 'k', Date.now(), 'second')
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.equal(record.runs.length, 1)
    end()
    await record.count(2)
    t.same(record.runs.map(({ data }) => data), ['first', 'second'])
  })

  t.test('a job runs again at the time that its handler returns', async (t) => {
    const { jobs, record, settle } = await start(t, (jobs, record) => jobs.work('thrice', async ({ key, data }) => {
      record.add(key, data)
      return record.runs.length < 3 ? Date.now() + 50 : undefined
    }))
    await jobs.schedule('thrice', 'k', Date.now(), { n: 1 })
    await record.count(3)
    await settle()
    t.same(record.runs.map(({ data }) => data), [{ n: 1 }, { n: 1 }, { n: 1 }])
    t.ok(record.runs[2]!.at - record.runs[0]!.at >= 90)
  })

  t.test('a job that fails is tried again after growing pauses, and is logged as an error once', async (t) => {
    const { jobs, record, log } = await start(t, (jobs, record) => jobs.work('frail', async ({ key, data }) => {
      record.add(key, data)
      if (record.runs.length < 3) throw new Error('the receiver is on fire')
      return undefined
    }))
    await jobs.schedule('frail', 'k', Date.now(), 'kept')
    await record.count(3)
    const [first, second, third] = record.runs
    t.same(third!.data, 'kept')
    t.ok(second!.at - first!.at >= 950 && third!.at - second!.at >= 1900)
    t.match(log.filter(({ level }) => level >= 40),
      [{ level: 50, job: 'frail', key: 'k', err: { message: 'the receiver is on fire' } }])
    t.equal(log.filter(({ level }) => level >= 40).length, 1)
  })

  t.test('a job that is cancelled does not run', async (t) => {
    const { jobs, record, settle } = await start(t, note)
    await jobs.schedule('note', 'no', Date.now() + 50)
    await jobs.cancel('note', 'no')
    await jobs.cancel('note', 'unknown')
    await settle()
    t.same(record.runs, [])
  })

  t.test('jobs of a name run side by side, as many as its limit', async (t) => {
    const ends: (() => void)[] = []
    const { jobs, record, settle } = await start(t, (jobs, record) => jobs.work('wide', async ({ key }) => {
      record.add(key, null)
      await new Promise<void>((resolve) => ends.push(resolve))
      return undefined
    }, { atOnce: 2 }))
    for (const key of ['a', 'b', 'c']) await jobs.schedule('wide', key, Date.now())
    await record.count(2)
    await settle()
    t.equal(record.runs.length, 2, 'the third waits, and other names do not')
    ends[0]!()
    await record.count(3)
    for (const end of ends) end()
  })

  t.test('recurring work begins at the start, and again after each end', async (t) => {
    const { record } = await start(t, (jobs, record) =>
      jobs.every('often', 0.05, async () => record.add('often', null)))
    await record.count(3)
    t.pass('it ran three times')
  })

  t.test('recurring work that begins later does not delay what is due at the start', async (t) => {
    const { record } = await start(t, (jobs, record) => {
      jobs.every('now', 60, async () => record.add('now', null))
      jobs.every('later', 60, async () => record.add('later', null), { firstIn: 60 })
    })
    await record.count(1)
    t.match(record.runs, [{ key: 'now' }])
  })

  t.test('a server that stops aborts its jobs and waits for their end', async (t) => {
    let ended = false
    const { app, jobs, record } = await start(t, (jobs, record) => jobs.work('long', async ({ key, signal }) => {
      record.add(key, null)
      await once(signal, 'abort')
      await new Promise((resolve) => setTimeout(resolve, 50))
      ended = true
      throw new Error('ended by the abort')
    }))
    await jobs.schedule('long', 'k', Date.now())
    await record.count(1)
    await app.close()
    t.ok(ended)
  })

  t.test('a name has one handler, which is known before the server is ready', async (t) => {
    const { jobs } = await start(t, (jobs, record) => {
      note(jobs, record)
      t.throws(() => note(jobs, record), /note is defined too late, or twice/)
    })
    t.throws(() => jobs.work('late', async () => undefined), /late is defined too late/)
  })
}
