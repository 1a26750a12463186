import path from 'node:path'
import { Kysely, Migrator, sql, SqliteDialect, type SqliteDatabase } from '#kysely'
import Database from 'libsql'
import t from 'tap'
import { selectOperations, type OperationQuery } from '../plugins/operations/rows.ts'
import { migrations } from '../plugins/store/migrations.ts'
import type { Tables } from '../plugins/store/index.ts'
import { build, dummy, makeDirectory } from './helper/app.ts'
import { planOf } from './helper/store.ts'
import { sqliteOnly } from './not-on-postgres.ts'

const day = (i: number) => `2026-01-${String(i).padStart(2, '0')}T12:00:00.000Z`

/** Adds ended operations, one for each day of January 2026. */
async function fill (
  store: Kysely<Tables>,
  kinds: readonly string[] = ['nodes.create', 'nodes.stop', 'volumes.create'],
  later: object = { server: null, epoch: 0, exclusive: null }
) {
  for (let i = 1; i <= 31; i++) {
    const id = `0197${String(i).padStart(4, '0')}-0000-7000-8000-000000000000`
    const content = { phase: null, progress: 100, target: null, resources: [], error: null, until: null, input: null }
    await store.insertInto('operations').values({
      id,
      kind: kinds[i % kinds.length]!,
      status: i % 5 === 0 ? 'failed' : 'succeeded',
      cloud: 'default',
      created_at: day(i),
      finished_at: day(i),
      content: JSON.stringify(content),
      ...later
    } as Tables['operations']).execute()
  }
}

t.test('operations are filtered by their time, alone and with their kind, page by page', async (t) => {
  // The operations are old, and a purge may run at any time.
  const { app, api } = await build(t, { settings: { operations: { keep_days: 36_500 } } })
  await fill(app.store)
  const times = async (query: string) => {
    const { items } = await api.walk(`/api/v2/operations?limit=3&${query}`)
    return items.map(({ created_at: at }) => Number(at.slice(8, 10)))
  }
  const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i)
  t.same(await times('status=failed,succeeded'), down(31, 1), 'the newest first')
  t.same(await times(`created_after=${day(28)}`), [31, 30, 29, 28], 'at the time or later')
  t.same(await times(`created_before=${day(4)}`), [3, 2, 1], 'before the time')
  t.same(await times(`created_after=${day(10)}&created_before=${day(20)}`), down(19, 10))
  t.same(await times('created_after=2026-01-28T13:00:00%2B01:00'), [31, 30, 29, 28])
  t.same(await times(`kind=nodes.stop&created_after=${day(20)}`), [31, 28, 25, 22])
  t.same(await times(`kind=nodes.stop,volumes.create&status=failed&created_before=${day(20)}`), [10, 5])
  t.same(await times(`created_after=${day(20)}&created_before=${day(10)}`), [])
  const { body } = await api.get(`/api/v2/operations?limit=1&created_after=${day(10)}`)
  t.equal((await api.get(`/api/v2/operations?limit=1&created_after=${day(11)}&cursor=${body.next_cursor}`)).status, 400)
  t.equal((await api.get('/api/v2/operations?created_after=soon')).status, 422)
})

t.test('the operations of a node are filtered by their time too', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1 }) } })
  const [{ self }] = (await api.get('/api/v2/nodes')).body.items
  await api.post(`${self}/actions/stop`, {}, { prefer: 'wait=10' })
  const { created_at: at } = (await api.get(`${self}/operations`)).body.items[0]
  t.equal((await api.get(`${self}/operations?created_after=${at}`)).body.items.length, 1)
  t.equal((await api.get(`${self}/operations?created_before=${at}`)).body.items.length, 0)
})

t.test('a list of operations reads an index in its order, and neither the whole table nor a sort', async (t) => {
  const { app: { store } } = await build(t)
  const range = { createdAfter: day(1), createdBefore: day(2) }
  const after = { created_at: day(3), id: 'x' }
  const plans: [string, Omit<OperationQuery, 'limit'>, RegExp][] = [
    ['all', {}, /USING INDEX operations_created$/],
    ['a later page', { after }, /operations_created \(\(created_at,id\)<\(\?,\?\)\)$/],
    ['a time', range, /operations_created \(created_at>\? AND created_at<\?\)$/],
    ['a kind', { kinds: ['nodes.stop'] }, /operations_by_kind \(kind=\?\)$/],
    [
      'a kind in a time',
      { kinds: ['nodes.stop'], ...range },
      /operations_by_kind \(kind=\? AND created_at>\? AND created_at<\?\)$/
    ],
    ['a later page of a kind', { kinds: ['nodes.stop'], after }, /operations_by_kind \(kind=\? AND \(created_at,id\)</],
    ['a status', { statuses: ['failed'] }, /operations_by_status \(status=\?\)$/],
    ['a cloud', { clouds: ['default'] }, /operations_by_cloud \(cloud=\?\)$/]
  ]
  for (const [name, query, expected] of plans) {
    const plan = await planOf(store, selectOperations(store, { limit: 101, ...query }))
    if (store.kind === 'sqlite') {
      t.match(plan, expected, name)
      continue
    }
    const [index] = /operations_[a-z_]+/.exec(expected.source)!
    t.match(plan, new RegExp(`^Limit .*Index Scan( Backward)? using ${index} on operations`), name)
    t.notMatch(plan, /Sort|Seq Scan/, name)
  }
})

t.test('a store of the version before gets indexes and keeps its operations', sqliteOnly.earlierVersion, async (t) => {
  const directory = makeDirectory(t)
  const file = path.join(directory, 'old.db')
  const database = new Database(file) as unknown as SqliteDatabase
  const old = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) })
  const { '0001-operations': first, '0002-probes': second } = migrations
  const provider = { getMigrations: async () => ({ '0001-operations': first!, '0002-probes': second! }) }
  const { error } = await new Migrator({ db: old, provider }).migrateToLatest()
  t.equal(error, undefined)
  await fill(old, undefined, {})
  await old.destroy()

  const { app, api } = await build(t, { directory, settings: { store: { file }, operations: { keep_days: 36_500 } } })
  t.equal((await api.walk('/api/v2/operations?limit=10')).items.length, 31)
  const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'index'
    and tbl_name = 'operations' and sql is not null order by name`.execute(app.store)
  t.same(rows.map(({ name }) => name), [
    'operations_by_cloud', 'operations_by_kind', 'operations_by_status', 'operations_created', 'operations_exclusive',
    'operations_finished', 'operations_under_way'
  ])
})
