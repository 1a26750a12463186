import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sql } from '#kysely'
import t, { type Test } from 'tap'
import { openStore } from '../../../plugins/store/open.ts'
import { copiedTables, ownTables } from '../../../plugins/store/copy.ts'
import type { Store } from '../../../plugins/store/index.ts'
import { run, serve } from '../../fixtures/process.ts'
import { dummy, makeDirectory } from '../../helper/app.ts'
import { startCluster, startPgbouncer, type Cluster } from './cluster.ts'

t.setTimeout(280_000)

let cluster: Cluster
t.before(async () => { cluster = await startCluster(t) })

function makeFolder (t: Test, settings: object = {}) {
  const cwd = makeDirectory(t)
  const clouds = { default: dummy({ state_file: 'cloud.json' }) }
  const content = JSON.stringify({ port: 0, log_level: 'warn', auth: {}, clouds, ...settings })
  writeFileSync(path.join(cwd, 'orchestrator.json'), content)
  return cwd
}

const settingsOf = (url: string) => ({ url, pool_size: 2, statement_timeout: 10 })

/** Everything that a store has, without its tables of migrations. */
async function readAll (store: Store) {
  const rows = await Promise.all(copiedTables.map(async (table) => {
    const { rows: all } = await sql`select * from ${sql.table(table)}`.execute(store)
    return [table, all.map((row) => JSON.stringify(row, Object.keys(row as object).sort())).sort()] as const
  }))
  return Object.fromEntries(rows)
}

async function ask (url: string, key: string, options: { method?: string, headers?: object, body?: object } = {}) {
  const response = await fetch(url, {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...options.headers },
    ...options.body && { body: JSON.stringify(options.body) }
  })
  return { status: response.status, headers: response.headers, body: await response.json() as any }
}

t.test('each table of a store is copied, or left with a reason', async (t) => {
  const url = await cluster.createDatabase()
  const store = await openStore(settingsOf(url))
  const found = await store.introspection.getTables()
  const tables = found.filter(({ schema }) => schema === 'public').map(({ name }) => name)
  await store.destroy()
  t.same([...copiedTables, ...ownTables].sort(), tables.sort())
})

t.test('a server moves from SQLite to PostgreSQL and back with all that it keeps', async (t) => {
  const cwd = makeFolder(t)
  const env = { STORE_FILE: 'old.db' }
  const key = (await run(t, ['keys', 'create', 'ci', '--grant', 'admin:*'], { cwd, env })).stdout.trim()
  await run(t, ['users', 'create', 'ada', '--grant', 'read:*'], { cwd, env, input: 'a good password\n' })
  const first = await serve(t, [], { cwd, env })
  const create = (url: string) => ask(`${url}/api/v2/clouds/default/nodes`, key, {
    method: 'POST',
    headers: { 'idempotency-key': 'once', prefer: 'wait=20' },
    body: { name: 'wéb 🌍', image_id: 'img-debian-12', size_id: 'dummy.small' }
  })
  const created = await create(first.url)
  t.match(created, { status: 200, body: { status: 'succeeded' } })
  const assigned = await ask(`${first.url}${created.body.resource.self}/actions/assign`, key, {
    method: 'POST', body: { user: 'ada', application: 'billing' }
  })
  t.equal(assigned.status, 200)

  const url = await cluster.createDatabase()
  const busy = await run(t, ['store', 'copy', '--from', 'old.db', '--to', url], { cwd })
  t.match(busy, {
    code: 1,
    stderr: /^The store was not copied: The store .*old\.db is in use by another server\. Stop that server/
  })
  first.child.kill('SIGTERM')
  t.equal(await first.ended, 0)

  const copied = await run(t, ['store', 'copy', '--from', 'old.db', '--to', url], { cwd })
  t.equal(copied.code, 0, copied.stderr)
  t.match(copied.stdout, /^ *1 {2}operations$/m)
  t.match(copied.stdout, /^ *1 {2}assignments$/m)
  t.match(copied.stdout, /^The store .*old\.db was copied to 127\.0\.0\.1:\d+\/\w+$/m)
  t.notOk((copied.stdout + copied.stderr).includes(cluster.password))

  const second = await serve(t, [], { cwd, env: { DATABASE_URL: url } })
  const replayed = await create(second.url)
  t.equal(replayed.headers.get('idempotency-replayed'), 'true', 'the key of the user and that of the request are known')
  t.equal(replayed.body.id, created.body.id)
  const node = await ask(second.url + created.body.resource.self, key)
  t.match(node.body, { name: 'wéb 🌍', assignment: { user: 'ada' } })

  const served = await run(t, ['store', 'copy', '--from', url, '--to', 'new.db'], { cwd })
  t.match(served, { code: 1, stderr: /1 server uses the source 127\.0\.0\.1:\d+\/\w+ \(.+\)\. Stop all servers/ })
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
  const again = await run(t, ['store', 'copy', '--from', 'old.db', '--to', url], { cwd })
  t.match(again, { code: 1, stderr: /^The store was not copied: 127.* is not empty: its table operations has rows/ })
  const back = await run(t, ['store', 'copy', '--from', url, '--to', 'new.db'], { cwd })
  t.equal(back.code, 0, back.stderr)

  const stores = [await openStore(settingsOf(url)), await openStore({ file: path.join(cwd, 'new.db') })]
  const [there, here] = await Promise.all(stores.map(readAll))
  await Promise.all(stores.map((store) => store.destroy()))
  t.same(here, there)
})

t.test('many rows are copied in pages', async (t) => {
  const cwd = makeFolder(t)
  const store = await openStore({ file: path.join(cwd, 'many.db') })
  await sql`insert into audit (id, created_at, action, outcome, content)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 3001)
    select 'id-' || i, '2026-01-01T00:00:00.000Z', 'nodes.stop', 'succeeded', '{}' from n`.execute(store)
  await store.destroy()
  const url = await cluster.createDatabase()
  t.match(await run(t, ['store', 'copy', '--from', 'many.db', '--to', url], { cwd }), {
    code: 0, stdout: /^3001 {2}audit$/m
  })
  t.same(await cluster.query('select count(distinct id)::int as n from audit', [], url), [{ n: 3001 }])
})

t.test('a copy that fails leaves the target empty', async (t) => {
  const cwd = makeFolder(t)
  const store = await openStore({ file: path.join(cwd, 'long.db') })
  await sql`insert into operations (id, kind, status, cloud, created_at, content) values
    ('a', 'nodes.stop', 'failed', 'c', '2026-01-01T00:00:00.000Z', '{}')`.execute(store)
  // SQLite does not check the length.
  await sql`insert into audit (id, created_at, action, outcome, content) values
    ('a', '2026-01-01T00:00:00.000Z', ${'x'.repeat(200)}, 'succeeded', '{}')`.execute(store)
  await store.destroy()
  const url = await cluster.createDatabase()
  t.match(await run(t, ['store', 'copy', '--from', 'long.db', '--to', url], { cwd }), {
    code: 1, stderr: /^The store was not copied: value too long for type character varying\(128\)\n$/
  })
  t.same(await cluster.query('select id from operations', [], url), [])
})

t.test('after store migrate, a server needs no right to make tables', async (t) => {
  const url = await cluster.createDatabase()
  const cwd = makeFolder(t)
  const migrated = await run(t, ['store', 'migrate', '--url', url], { cwd })
  t.equal(migrated.code, 0, migrated.stderr)

  await cluster.query("create role clerk login password 'clerk-password'")
  const grants = ['public', 'pgboss'].map((schema) => `
    grant usage on schema ${schema} to clerk;
    grant select, insert, update, delete on all tables in schema ${schema} to clerk;
    grant usage on all sequences in schema ${schema} to clerk`)
  await cluster.query(`revoke create on schema public from public; ${grants.join(';')}`, [], url)
  const clerk = Object.assign(new URL(url), { username: 'clerk', password: 'clerk-password' }).href
  const tables = 'select schemaname, tablename from pg_tables order by 1, 2'
  const before = await cluster.query(tables, [], url)

  const key = (await run(t, ['keys', 'create', 'ci', '--grant', 'admin:*'], { cwd, env: { DATABASE_URL: clerk } }))
  t.equal(key.code, 0, key.stderr)
  const server = await serve(t, [], { cwd, env: { DATABASE_URL: clerk } })
  const created = await ask(`${server.url}/api/v2/clouds/default/nodes`, key.stdout.trim(), {
    method: 'POST',
    headers: { prefer: 'wait=20' },
    body: { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
  })
  t.match(created, { status: 200, body: { status: 'succeeded' } })
  t.same(await cluster.query(tables, [], url), before, 'no table was made')
})

t.test('store migrate makes the schema, through PostgreSQL itself where the settings name a pooler', async (t) => {
  const pgbouncer = await startPgbouncer(t, cluster)
  const direct = await cluster.createDatabase()
  const pooled = pgbouncer.urlOf(direct)
  const cwd = makeFolder(t)
  const env = { DATABASE_URL: pooled }
  t.match(await run(t, ['serve'], { cwd, env }), {
    code: 1, stderr: /leads to a pooler.*orchestrator store migrate --url URL/
  })
  t.match(await run(t, ['store', 'migrate'], { cwd, env }), { code: 1, stderr: /leads to a pooler/ })
  t.match(await run(t, ['store', 'migrate', '--url', direct], { cwd, env }), {
    code: 0, stdout: /^The store 127\.0\.0\.1:\d+\/\w+ was migrated: 0001-operations, .*\n$/
  })
  t.match(await run(t, ['store', 'migrate'], { cwd, env }), {
    code: 0, stdout: /has the schema of this version already/
  })
  const server = await serve(t, [], { cwd, env })
  t.equal((await fetch(`${server.url}/health/ready`)).status, 200)
})

t.test('keys are made and revoked beside the servers', async (t) => {
  const cwd = makeFolder(t)
  const env = { DATABASE_URL: await cluster.createDatabase() }
  const server = await serve(t, [], { cwd, env })
  const created = await run(t, ['keys', 'create', 'ci', '--grant', 'read:*'], { cwd, env })
  t.equal(created.code, 0, created.stderr)
  t.equal((await ask(`${server.url}/api/v2/me`, created.stdout.trim())).status, 200)
  t.match(await run(t, ['keys', 'list'], { cwd, env }), { code: 0, stdout: /ci/ })
  t.match(await run(t, ['keys', 'revoke', 'ci'], { cwd, env }), { code: 0 })
  t.notMatch((await run(t, ['keys', 'list'], { cwd, env })).stdout, /ci/)
})

t.test('a user who only owns the database serves over TLS, with the password beside the URL', async (t) => {
  const cwd = makeFolder(t)
  const [cert, key] = [path.join(cluster.folder, 'server.crt'), path.join(cluster.folder, 'server.key')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
    '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert
  ], { stdio: 'pipe' })
  const { uid, gid } = statSync(path.join(cluster.folder, 'data'))
  for (const file of [cert, key]) chownSync(file, uid, gid)
  for (const [name, value] of Object.entries({ ssl_cert_file: cert, ssl_key_file: key, ssl: 'on' })) {
    await cluster.query(`alter system set ${name} = '${value}'`)
  }
  await cluster.query('select pg_reload_conf()')
  await cluster.query("create role app login password 'a password'")
  await cluster.query('create database app owner app')

  const url = `postgres://app@localhost:${cluster.port}/app?sslmode=verify-full&sslrootcert=${cert}`
  const env = { DATABASE_URL: url, PGPASSWORD: 'a password' }
  const server = await serve(t, [], { cwd, env })
  t.equal((await fetch(`${server.url}/health/ready`)).status, 200)
  const used = `select bool_and(ssl) as tls, count(*) > 0 as used
    from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'app'`
  t.same(await cluster.query(used), [{ tls: true, used: true }])

  const other = path.join(cwd, 'other.crt')
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
    '/CN=localhost', '-keyout', path.join(cwd, 'other.key'), '-out', other
  ], { stdio: 'pipe' })
  const wrong = await run(t, ['store', 'migrate', '--url', url.replace(cert, other)], { cwd, env })
  t.equal(wrong.code, 1, 'the certificate of another is refused')
  t.match(wrong.stderr, /certificate/)
})

t.test('what cannot be done is one sentence, without the password', async (t) => {
  const cwd = makeFolder(t)
  const url = await cluster.createDatabase()
  const commands: [args: string[], text: RegExp][] = [
    [['store'], /^store needs migrate or copy/],
    [['store', 'move'], /^Unknown command "store move"; expected store migrate or store copy\n$/],
    [['store', 'copy', '--to', url], /^--from is missing; expected the path of a SQLite file/],
    [['store', 'copy', '--from', 'none.db', '--to', url], /^The file .*none\.db of --from does not exist\n$/],
    [['store', 'copy', '--from', url.replace('postgres:', 'mysql:'), '--to', 'new.db'], /^--from is no valid URL/],
    [['store', 'copy', '--from', url, '--to', 'new.db'], /has the schema of an earlier version\. Back it up/],
    [['store', 'migrate', '--url', url.replace(/\/[^/]*$/, '/missing')], /Create the database that store\.url names/],
    [
      ['backup', 'copy.db'],
      /^The store is on PostgreSQL.* pg_dump --format=custom --file=copy\.db postgres:\/\/127\.0\.0\.1:\d+\/\w+\n$/
    ]
  ]
  for (const [args, text] of commands) {
    const { code, stdout, stderr } = await run(t, args, { cwd, env: { DATABASE_URL: url } })
    t.equal(code, 1, args.join(' '))
    t.match(stderr, text)
    t.notOk((stdout + stderr).includes(cluster.password), 'the password is not printed')
  }
  t.notOk(existsSync(path.join(cwd, 'copy.db')))
})
