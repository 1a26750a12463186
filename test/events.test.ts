import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { Events } from '../plugins/events/index.ts'
import type { NewEvent, StoredEvent } from '../plugins/events/event.ts'
import { createEventId, eventIdOf } from '../plugins/events/writer.ts'
import { build } from './helper/app.ts'
import { startCluster } from './labs/postgres/cluster.ts'

type App = Awaited<ReturnType<typeof build>>['app']

const cluster = await startCluster(t)

const event = (resource: string, changes: Partial<NewEvent> = {}): NewEvent => ({
  id: createEventId(),
  type: 'node.state_changed',
  cloud: 'default',
  resource,
  content: { state: resource },
  ...changes
})

const write = ({ store, events }: App, ...written: NewEvent[]) => store.commit(events.changes(written))

/** Collects the events that a server hands out. */
async function listen ({ events }: App) {
  const heard: StoredEvent[] = []
  await events.onEvents((batch) => { heard.push(...batch) })
  return { names: () => heard.map(({ resource }) => resource), heard }
}

async function until (isTrue: () => boolean, ms = 10_000) {
  const deadline = performance.now() + ms
  while (!isTrue() && performance.now() < deadline) await sleep(5)
}

const stores: [string, () => Promise<Record<string, object>>][] = [
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ store: { url: await cluster.createDatabase() } })]
]

for (const [name, settings] of stores) {
  t.test(`${name}: events are handed out in the order of their commits, each once`, async (t) => {
    const { app } = await build(t, { settings: await settings() })
    await write(app, event('before'))
    const { names: all } = await listen(app)
    // PostgreSQL is read from the start of the server on.
    const names = () => all().filter((one) => one !== 'before')
    const same = event('b')
    await write(app, event('a'), same)
    await write(app, same)
    await Promise.all(['c', 'd', 'e'].map((resource) => write(app, event(resource))))
    await until(() => names().length >= 5)
    t.same(names().slice(0, 2), ['a', 'b'])
    t.same(names().slice(2).sort(), ['c', 'd', 'e'], 'an event that was written twice is handed out once')
  })

  t.test(`${name}: events after a position can be read again until they are removed`, async (t) => {
    const { app } = await build(t, { settings: { ...await settings(), events: { keep_hours: 1 } } })
    const start = await app.events.newest()
    await write(app, event('a'), event('b'))
    const { names, heard } = await listen(app)
    await write(app, event('c'))
    await until(() => names().includes('c'))
    const { events: all } = await app.events.read(start, 10)
    t.same(all.map(({ resource }) => resource), ['a', 'b', 'c'])
    const { events: rest } = await app.events.read(all[0]!.position, 10)
    t.same(rest.map(({ resource }) => resource), ['b', 'c'])
    const id = app.events.toId(all[1]!.position)
    t.same(await app.events.fromId(id), all[1]!.position)
    t.same(await app.events.fromId(`0${id.slice(1)}`), id.startsWith('0') ? all[1]!.position : undefined,
      'a position of another store is unknown')
    t.equal(await app.events.fromId('nonsense'), undefined)
    t.equal(await app.events.fromId(app.events.toId({ xid: 2 ** 40, seq: 2 ** 40 })), undefined, 'and a later one')
    t.ok(heard.every(({ time }) => Math.abs(Date.parse(time) - Date.now()) < 60_000))
  })

  t.test(`${name}: an event is written with its change, or not at all`, async (t) => {
    const { app } = await build(t, { settings: await settings() })
    const start = await app.events.newest()
    const probe = { id: 7, written_at: 'now' }
    await app.store.commit([app.store.insertInto('probes').values(probe), ...app.events.changes([event('kept')])])
    await t.rejects(
      app.store.commit([...app.events.changes([event('lost')]), app.store.insertInto('probes').values(probe)]),
      { name: 'StoreConflict' }
    )
    const { events, unsettled } = await app.events.read(start, 10)
    t.same([...events, ...unsettled].map(({ resource }) => resource), ['kept'])
  })
}

t.test('the same texts give the same id', async (t) => {
  t.equal(eventIdOf('a', 1), eventIdOf('a', 1))
  t.not(eventIdOf('a', 1), eventIdOf('a', 2))
})

t.test('SQLite: old events are removed, and positions before them are unknown', async (t) => {
  const { app, directory } = await build(t)
  const start = await app.events.newest()
  await write(app, event('old'))
  await app.store.updateTable('events').set({ created_at: '2020-01-01T00:00:00.000Z' }).execute()
  await write(app, event('new'))
  const { events: [old] } = await app.events.read(start, 1)
  const ids = [start, old!.position].map((position) => app.events.toId(position))
  await app.close()
  const again = await build(t, { directory })
  const { events } = await again.app.events.read(start, 10)
  t.same(events.map(({ resource }) => resource), ['new'])
  t.equal(await again.app.events.fromId(ids[0]!), undefined)
  t.same(await again.app.events.fromId(ids[1]!), old!.position, 'after the last that was removed, nothing is missing')
})

/** Two servers on one database of PostgreSQL. */
async function buildTwo (t: Test) {
  const url = await cluster.createDatabase()
  const settings = { store: { url } }
  const { app: one } = await build(t, { settings })
  const { app: other } = await build(t, { settings })
  return { url, one, other }
}

t.test('PostgreSQL: an event waits for transactions that began before it', async (t) => {
  const { url, one, other } = await buildTwo(t)
  const { names } = await listen(other)
  const open = new pg.Client(url)
  await open.connect()
  t.teardown(() => open.end())
  const insert = `insert into events (id, created_at, type, resource, content)
    values ($1, '2026-01-01T00:00:00.000Z', 'node.created', $2, '{}')`
  await open.query('begin')
  await open.query(insert, [createEventId(), 'first'])
  const seen: (string | null)[] = []
  other.events.onSeen(({ resource }) => { seen.push(resource) })
  await write(one, event('second'))
  await until(() => seen.includes('second'))
  t.same(seen, ['second'], 'what servers tell each other does not wait')
  t.same(names(), [], 'clients see no event before its turn')
  await open.query('commit')
  await until(() => names().length === 2, 3000)
  t.same(names(), ['first', 'second'], 'the order is that of the transactions')
  t.same(seen.toSorted(), ['first', 'second'])

  await open.query('begin')
  await open.query(insert, [createEventId(), 'undone'])
  await write(one, event('third'))
  await open.query('rollback')
  await until(() => names().length === 3, 3000)
  t.same(names().slice(2), ['third'])
})

t.test('PostgreSQL: another server hears of an event at once, and within seconds without notifications', async (t) => {
  const { url, one, other } = await buildTwo(t)
  const { names } = await listen(other)
  await until(() => other.events.isCurrent())
  const measure = async (resource: string) => {
    const began = performance.now()
    await write(one, event(resource))
    await until(() => names().includes(resource))
    return performance.now() - began
  }
  await sleep(200)
  t.ok(await measure('told') < 1000, 'by a notification')
  // Written by a program that does not notify.
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  await client.query(`insert into events (id, created_at, type, resource, content)
    values ('x', '2026-01-01T00:00:00.000Z', 'node.created', 'silent', '{}')`)
  await until(() => names().includes('silent'), 3000)
  t.ok(names().includes('silent'), 'the store is read from time to time')
})

t.test('PostgreSQL: after a restart of the database, events go on', async (t) => {
  const own = await startCluster(t)
  const { app } = await build(t, { settings: { store: { url: await own.createDatabase() } } })
  const { names } = await listen(app)
  await write(app, event('before'))
  await until(() => names().length === 1)
  await own.restart('immediate')
  await write(app, event('after'))
  await until(() => names().length === 2)
  t.same(names(), ['before', 'after'])
  t.ok((app.events satisfies Events).isCurrent())
})
