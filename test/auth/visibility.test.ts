import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { createKey, grant } from '../helper/callers.ts'
import { sqliteOnly } from '../not-on-postgres.ts'

const clouds = {
  prod: dummy({ nodes: 2 }),
  'prod-2': dummy({ nodes: 2 }),
  secret: dummy({ nodes: 2 }),
  off: { ...dummy(), enabled: false }
}
const settings = { auth: {} }

/** Two teams and an administrator. */
async function start (t: Test, slow = false) {
  const own = slow ? { ...clouds, prod: dummy({ nodes: 2, delay: 20 }) } : clouds
  const { app, api, directory } = await build(t, { clouds: own, settings })
  const [reader, operator, manager, foreign, admin] = [
    await createKey(app, grant('read', 'prod')), await createKey(app, grant('operate', 'prod')),
    await createKey(app, grant('manage', 'prod')), await createKey(app, grant('admin', 'secret')),
    await createKey(app, grant('admin', '*'))
  ] as const
  return { app, api, directory, reader, operator, manager, foreign, admin }
}

const firstNode = async ({ api, admin }: Awaited<ReturnType<typeof start>>, cloud = 'prod') =>
  (await api.get(`/api/v2/clouds/${cloud}/nodes`, admin.headers)).body.items[0]

t.test('lists over all clouds, sources, summary, clouds and drivers have only what the caller may read', async (t) => {
  const { api, reader: { headers }, admin } = await start(t)
  const get = async (url: string) => (await api.get(url, headers)).body
  const nodes = await get('/api/v2/nodes')
  t.equal(nodes.items.length, 2)
  t.same(nodes.items.map(({ cloud }: { cloud: string }) => cloud), ['prod', 'prod'], 'prod is not prod-2')
  t.same(nodes.sources.map(({ cloud }: { cloud: string }) => cloud), ['prod'])
  t.same((await get('/api/v2/nodes?sort=name')).items.length, 2)
  t.same((await get('/api/v2/summary')).clouds.map(({ cloud }: { cloud: string }) => cloud), ['prod'])
  t.equal((await get('/api/v2/summary')).nodes.total, 2)
  t.same((await get('/api/v2/clouds')).items.map(({ name }: { name: string }) => name), ['prod'])
  const drivers = (await get('/api/v2/drivers')).items as { name: string, clouds: string[] }[]
  t.same(drivers.flatMap(({ clouds }) => clouds), ['prod'])
  t.same((await get('/api/v2/drivers/dummy')).clouds, ['prod'])
  t.equal((await api.get('/api/v2/nodes', admin.headers)).body.items.length, 6)

  for (const url of ['/api/v2/nodes', '/api/v2/summary', '/api/v2/volumes']) {
    const answer = async (cloud: string) => (await api.get(`${url}?cloud=${cloud}`, headers)).body
    const [hidden, unknown] = [await answer('secret'), await answer('nowhere')]
    t.match(hidden, { status: 404, code: 'cloud_not_found' })
    t.same({ ...hidden, request_id: '', detail: '' }, { ...unknown, request_id: '', detail: '' })
    t.equal((await answer('prod,secret')).status, 404)
  }
})

t.test('a caller with no grant sees nothing', async (t) => {
  const { app, api } = await start(t)
  const { headers } = await createKey(app, grant('admin', 'nothing'))
  for (const url of ['/api/v2/nodes', '/api/v2/clouds', '/api/v2/operations']) {
    t.same((await api.get(url, headers)).body.items, [], url)
  }
  t.match((await api.get('/api/v2/summary', headers)).body, { nodes: { total: 0 }, clouds: [], sources: [] })
})

t.test('allowed_actions has only what the caller may do, also in a problem', async (t) => {
  const team = await start(t)
  const { api, reader, operator, manager } = team
  const { self } = await firstNode(team)
  const actions = async ({ headers }: typeof reader, url = self) => {
    const { body } = await api.get(url, headers)
    return [...(body.items?.[0] ?? body).allowed_actions].sort()
  }
  t.same(await actions(reader), [])
  t.same(await actions(reader, '/api/v2/nodes'), [])
  t.same(await actions(reader, '/api/v2/nodes?sort=name&fields=id,allowed_actions'), [])
  t.same(await actions(operator), ['pause', 'reboot', 'stop', 'suspend'])
  t.ok((await actions(manager)).includes('destroy'))

  await api.post(`${self}/actions/stop`, {}, { ...operator.headers, prefer: 'wait=30' })
  const refused = await api.post(`${self}/actions/pause`, {}, operator.headers)
  t.match(refused, { status: 409, body: { code: 'invalid_state' } })
  t.same([...refused.body.allowed_actions].sort(), ['reboot', 'start'])
  t.ok((await api.post(`${self}/actions/unrescue`, {}, manager.headers)).body.allowed_actions.includes('destroy'))

  const { etag } = (await api.get(self, manager.headers)).headers
  t.equal((await api.patch(self, { name: 'renamed' }, { ...manager.headers, 'if-match': etag! })).status, 200)
})

t.test('operations are seen by those who may read their cloud; started_by by the starter and managers', async (t) => {
  const team = await start(t)
  const { api, reader, operator, manager, foreign, admin } = team
  const { self } = await firstNode(team)
  const { body: operation } = await api.post(`${self}/actions/stop`, {}, { ...operator.headers, prefer: 'wait=30' })
  t.match(operation.started_by, { kind: 'key', issuer: null, id: operator.id })
  const starterSeenBy = async ({ headers }: typeof reader) => (await api.get(operation.self, headers)).body.started_by
  t.equal(await starterSeenBy(reader), null)
  t.match(await starterSeenBy(manager), { id: operator.id })
  t.match(await starterSeenBy(admin), { id: operator.id })

  const unknown = '/api/v2/operations/01890a5d-ac96-774b-bcce-b302099a8057'
  const [hidden, missing] = [await api.get(operation.self, foreign.headers), await api.get(unknown, foreign.headers)]
  t.match(hidden, { status: 404, body: { code: 'resource_not_found' } })
  t.equal(hidden.body.detail.replace(operation.id, 'X'), missing.body.detail.replace(unknown.split('/').at(-1)!, 'X'))
  const listed = async ({ headers }: typeof reader, query = '') =>
    (await api.get(`/api/v2/operations${query}`, headers)).body.items.length
  t.same([await listed(reader), await listed(foreign), await listed(admin)], [1, 0, 1])
  t.equal(await listed(foreign, '?cloud=prod'), 0)
  t.equal(await listed(foreign, `?resource=${encodeURIComponent(self)}`), 0)
})

t.test('operations of a cloud that is no longer served are for administrators', async (t) => {
  const team = await start(t)
  const { app, api, directory, manager } = team
  const { self } = await firstNode(team)
  const { body: { self: operation } } = await api.post(`${self}/actions/stop`, {}, {
    ...manager.headers, prefer: 'wait=30'
  })
  await app.close()
  const later = await build(t, { clouds: { other: dummy() }, settings, directory })
  const admin = await createKey(later.app, grant('admin', '*'))
  t.equal((await later.api.get(operation, manager.headers)).status, 404)
  t.equal((await later.api.get('/api/v2/operations', manager.headers)).body.items.length, 0)
  t.equal((await later.api.get(operation, admin.headers)).status, 200)
  t.equal((await later.api.get('/api/v2/operations', admin.headers)).body.items.length, 1)
})

t.test('joining an operation needs the level of its verb', async (t) => {
  const team = await start(t, true)
  const { api, reader, operator, manager } = team
  const { self } = await firstNode(team)
  const stop = async ({ headers }: typeof reader) => api.post(`${self}/actions/stop`, {}, headers)
  const { body: { id } } = await stop(manager)
  t.match(await stop(operator), { status: 202, body: { id, started_by: null } }, 'the operation of another')
  t.equal((await stop(reader)).status, 403)
})

t.test('a cursor leads to no cloud that the caller may not read, and a kept one belongs to its caller', async (t) => {
  const { app, api, reader, manager } = await start(t)
  const { body: { next_cursor: cursor } } = await api.get('/api/v2/nodes?limit=1', reader.headers)
  const walk = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  const read = async (cloud: string) => {
    const places = [...walk.places, { cloud, token: null, skip: 0 }]
    const forged = Buffer.from(JSON.stringify({ ...walk, places })).toString('base64url')
    const { body } = await api.get(`/api/v2/nodes?limit=1&cursor=${forged}`, reader.headers)
    const varying = /"(as_of|elapsed_ms|next_cursor)":("[^"]*"|[\d.]+)/g
    return JSON.parse(JSON.stringify(body).replaceAll(cloud, 'X').replaceAll(varying, '"$1":0'))
  }
  const hidden = await read('secret')
  t.notMatch(JSON.stringify(hidden.items), 'secret')
  t.same(hidden, await read('nowhere'), 'as for a cloud that does not exist')

  const row = { id: 'kept', owner: 'key - someone', content: cursor, created_at: new Date().toISOString() }
  await app.store.insertInto('cursors').values(row).execute()
  t.match(await api.get('/api/v2/nodes?limit=1&cursor=s.kept', manager.headers), { status: 400 })
  await app.store.updateTable('cursors').set({ owner: `key - ${manager.id}` }).execute()
  t.match(await api.get('/api/v2/nodes?limit=1&cursor=s.kept', manager.headers), { status: 200 })
})

t.test('idempotency keys belong to their caller, and a replay needs the present grant', async (t) => {
  const { app, api, manager, admin } = await start(t)
  const create = async (headers: Record<string, string>) =>
    api.post('/api/v2/clouds/prod/networks', { name: 'n' }, { ...headers, 'idempotency-key': 'k' })
  const [first, second] = [await create(manager.headers), await create(admin.headers)]
  t.match([first.status, second.status], [201, 201])
  t.not(first.body.id, second.body.id)
  t.match(await create(manager.headers), { headers: { 'idempotency-replayed': 'true' }, body: { id: first.body.id } })
  await app.auth.keys.revoke(manager.id)
  t.equal((await create(manager.headers)).status, 401)
})

t.test('a store of an older version keeps idempotency keys for local callers', sqliteOnly.earlierVersion, async (t) => {
  const { app, api, directory } = await build(t, { clouds })
  const send = async (to: typeof api) =>
    to.post('/api/v2/clouds/prod/networks', { name: 'n' }, { 'idempotency-key': 'k' })
  const { body: { id } } = await send(api)
  // Back to the tables of the version before callers.
  const { sql } = await import('#kysely')
  const before = ['operations', 'operation_resources', 'idempotency_keys', 'cursors', 'probes']
  const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'
    and name not like 'sqlite%' and name not like 'kysely%'`.execute(app.store)
  const later = rows.map(({ name }) => name).filter((name) => !before.includes(name))
  const statements = [
    'alter table idempotency_keys rename to later',
    'create table idempotency_keys (key varchar(255) primary key, fingerprint varchar(64) not null, ' +
      'operation_id varchar(36), answer text, created_at varchar(24) not null)',
    'insert into idempotency_keys select key, fingerprint, operation_id, answer, created_at from later',
    'drop table later', 'alter table cursors drop column owner', ...later.map((table) => `drop table ${table}`),
    'drop index operations_exclusive', 'drop index operations_under_way',
    ...['server', 'epoch', 'exclusive'].map((column) => `alter table operations drop column ${column}`),
    "delete from kysely_migration where name >= '0004'"
  ]
  for (const statement of statements) await sql.raw(statement).execute(app.store)
  await app.close()
  const again = await build(t, { clouds, directory })
  t.match(await send(again.api), { status: 201, headers: { 'idempotency-replayed': 'true' }, body: { id } })
})

t.test('/me/may answers for an action on a cloud', async (t) => {
  const { app, api, operator, admin } = await start(t)
  const may = async ({ headers }: typeof operator, query: string) => {
    const { body } = await api.get(`/api/v2/me/may?${query}`, headers)
    return body.allowed
  }
  t.equal(await may(operator, 'action=nodes.stop&cloud=prod'), true)
  t.equal(await may(operator, 'action=nodes.destroy&cloud=prod'), false)
  t.equal(await may(operator, 'action=nodes.console&cloud=prod'), true)
  t.equal(await may(operator, 'action=nodes.console.url&cloud=prod'), false)
  for (const cloud of ['prod-2', 'secret', 'nowhere']) {
    t.equal(await may(operator, `action=nodes.list&cloud=${cloud}`), false)
  }
  t.equal(await may(operator, 'action=nodes.stop'), false, 'not on all clouds')
  t.equal(await may(operator, 'action=operations.list'), true)
  t.equal(await may(operator, 'action=keys.create'), false)
  t.equal(await may(admin, 'action=keys.create'), true)
  t.equal(await may(admin, 'action=nodes.destroy&cloud=nowhere'), false)
  t.match(await api.get('/api/v2/me/may?action=nodes.fly&cloud=prod', admin.headers), {
    status: 422, body: { errors: [{ in: 'query', pointer: '/action' }] }
  })
  t.ok(app.auth.actions.size > 90)
})

t.test('without auth the caller is local and may do everything', async (t) => {
  const { api } = await build(t, { clouds })
  t.match(await api.get('/api/v2/me'), { body: { kind: 'local', grants: [grant('admin', '*')] } })
  t.match(await api.get('/api/v2/me/may?action=keys.create'), { body: { allowed: true } })
  t.equal((await api.get('/api/v2/nodes', { authorization: 'Bearer whatever' })).status, 200)
})
