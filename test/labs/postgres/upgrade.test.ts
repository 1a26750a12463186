import type { Kysely } from '#kysely'
import t from 'tap'
import { migrations } from '../../../plugins/store/migrations.ts'
import { openStore } from '../../../plugins/store/open.ts'
import type { Store, Tables } from '../../../plugins/store/tables.ts'
import { build, dummy } from '../../helper/app.ts'
import { startCluster, startPgbouncer } from './cluster.ts'

t.setTimeout(120_000)

/** A later version of this server, which has a column more. */
const later = {
  ...migrations,
  '9998-later': {
    up: (db: Kysely<unknown>) => db.schema.alterTable('operations').addColumn('later', 'text').execute()
  }
}

/** One whose store the present version cannot use. */
const breaking = {
  ...later,
  '9999-breaking': {
    async up (db: Kysely<unknown>) {
      await (db as Kysely<Tables>).updateTable('store_info').set({ value: '9999-breaking' })
        .where('name', '=', 'compatible_since').execute()
    }
  }
}

const settingsOf = (url: string, more: object = {}) => ({ url, pool_size: 2, statement_timeout: 10, ...more })
const input = (name: string) => ({ name, image_id: 'img-debian-12', size_id: 'dummy.small' })

t.test('a store on PostgreSQL is migrated while servers of the version before serve and start', async (t) => {
  const cluster = await startCluster(t)

  await t.test('servers that start at once on an empty database migrate it once', async (t) => {
    const url = await cluster.createDatabase()
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(settingsOf(url))))
    const rows = await cluster.query('select name from kysely_migration order by name', [], url)
    t.same(rows.map(({ name }) => name), Object.keys(migrations))
    await Promise.all(stores.map((store) => store.destroy()))
  })

  await t.test('a server goes on, and another starts, after a later version has migrated', async (t) => {
    const url = await cluster.createDatabase()
    const options = { clouds: { default: dummy() }, settings: { store: { url } } }
    const before = await build(t, options)
    const store = await openStore(settingsOf(url), later)
    await store.destroy()
    const operation = await before.api.post('/api/v2/clouds/default/nodes', input('one'))
    t.match(await before.api.ended(operation.body), { status: 'succeeded' })
    const restarted = await build(t, options)
    t.match(await restarted.api.get(operation.body.self), { status: 200 })
    t.match(await restarted.api.post('/api/v2/clouds/default/nodes', input('two')), { status: 202 })
  })

  await t.test('a version refuses to start on a store that a later one has made unusable for it', async (t) => {
    const url = await cluster.createDatabase()
    await (await openStore(settingsOf(url), breaking)).destroy()
    const error = await openStore(settingsOf(url)).then(() => undefined, (error: Error) => error)
    t.match(error?.message, /^The store 127\.0\.0\.1:\d+\/\S+ was changed by a later version .* restore the backup/)
    t.notMatch(error?.message, cluster.password)
  })

  await t.test('a pooler is not used for migrations', async (t) => {
    const pooler = await startPgbouncer(t, cluster)
    const direct = await cluster.createDatabase()
    const url = pooler.urlOf(direct)
    const advice = /leads to a pooler\. Set store\.direct_url, or run `orchestrator store migrate --url URL`/
    await t.rejects(openStore(settingsOf(url)), advice)
    const opened: Store = await openStore(settingsOf(url, { direct_url: direct }))
    await opened.destroy()
    const again = await openStore(settingsOf(url))
    t.same(await again.selectFrom('operations').selectAll().execute(), [], 'a store that needs no migrations is used')
    await again.destroy()
  })
})
