import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { startCluster, startPgbouncer, type Ending } from './cluster.ts'
import { findProgram } from './process.ts'

t.setTimeout(120_000)

/** Whether a process exists. */
const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const waitUntil = async (isTrue: () => boolean) => {
  while (!isTrue()) await sleep(20)
}

t.test('a cluster makes databases, stops, and starts again with what it had', async (t) => {
  const cluster = await startCluster(t)
  const url = await cluster.createDatabase('first')
  await cluster.query('create table words (word text)', [], url)
  await cluster.query('insert into words values ($1)', ['kept'], url)
  const copy = await cluster.createDatabase(undefined, 'first')
  t.same(await cluster.query('select word from words', [], copy), [{ word: 'kept' }])
  t.same(await cluster.query('show fsync'), [{ fsync: 'on' }])

  await t.rejects(cluster.query('select 1', [], url.replace(cluster.password, 'wrong')), { code: '28P01' })

  await cluster.stop('immediate')
  await t.rejects(cluster.query('select 1'), { code: 'ECONNREFUSED' })
  await cluster.start()
  t.same(await cluster.query('select word from words', [], url), [{ word: 'kept' }], 'on the same port')

  await cluster.dropDatabase('first')
  await t.rejects(cluster.query('select 1', [], url), { code: '3D000' })
})

t.test('pgbouncer gives one connection to clients in turn', async (t) => {
  const cluster = await startCluster(t)
  const pgbouncer = await startPgbouncer(t, cluster)
  const url = pgbouncer.urlOf(await cluster.createDatabase('pooled'))
  const clients = [new pg.Client(url), new pg.Client(url)]
  t.teardown(() => Promise.all(clients.map((client) => client.end())))
  const backends = []
  for (const client of clients) {
    await client.connect()
    backends.push((await client.query('select pg_backend_pid() as pid')).rows[0].pid)
  }
  t.equal(backends[0], backends[1], 'both clients use the same session of PostgreSQL')
})

t.test('a cluster and its pgbouncer end with the test and leave no folder', async (t) => {
  const endings: Array<() => unknown> = []
  const ending = { teardown: (end: () => unknown) => endings.unshift(end) } as Ending
  const cluster = await startCluster(ending)
  const pgbouncer = await startPgbouncer(ending, cluster)
  const [, pid] = /(\d+)/.exec(readFileSync(path.join(cluster.folder, 'data/postmaster.pid'), 'utf8'))!
  t.ok(isRunning(Number(pid)))
  for (const end of endings) await end()
  t.notOk(isRunning(Number(pid)))
  t.same([cluster.folder, pgbouncer.folder].filter((folder) => existsSync(folder)), [])
})

t.test('a process that is killed leaves no server behind', async (t) => {
  const script = `
    import { readFileSync } from 'node:fs'
    import { startCluster } from ${JSON.stringify(path.join(import.meta.dirname, 'cluster.js'))}
    const { folder } = await startCluster({ teardown () {} })
    const pid = parseInt(readFileSync(folder + '/data/postmaster.pid', 'utf8'))
    console.log(JSON.stringify({ pid, folder }))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  const { pid, folder } = JSON.parse(line)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.ok(isRunning(pid))
  child.kill('SIGKILL')
  await ended
  await waitUntil(() => !isRunning(pid))
  t.pass('PostgreSQL has ended')
})

t.test('a program that is missing is named with the package of Debian', async (t) => {
  const find = () => findProgram('no-such-program', 'postgresql')
  t.throws(find, /no-such-program is not installed: apt-get install postgresql/)
})
