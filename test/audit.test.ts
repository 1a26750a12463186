import { existsSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { build, dummy, makeDirectory, type BuildOptions } from './helper/app.ts'
import { createKey, grant } from './helper/callers.ts'
import { startRackspace } from './labs/rackspace/index.ts'

const node = { name: 'a', image_id: 'img-debian-12', size_id: 'dummy.small' }

/** Starts a server with the audit. Its caller is `local`, who may do everything. */
async function start (t: Test, { settings = {}, ...options }: BuildOptions = {}) {
  const { app, api, directory } = await build(t, {
    clouds: { prod: dummy({ nodes: 2 }), lab: dummy() }, settings: { audit: {}, ...settings }, ...options
  })
  const list = async (query = ''): Promise<Record<string, any>[]> => {
    const { status, body } = await api.get(`/api/v2/audit${query}`)
    t.equal(status, 200, 'the audit is listed', { body })
    return body.items
  }
  return { app, api, directory, list }
}

t.test('a change is recorded with its caller, resource, operation and outcome', async (t) => {
  const { api, list } = await start(t)
  const { body: operation } = await api.post('/api/v2/clouds/prod/nodes', node, {
    'x-request-id': 'mine-1', prefer: 'wait=5'
  })
  const [entry, ...others] = await list()
  t.same(others, [], 'one entry')
  t.match(entry, {
    caller: { kind: 'local', issuer: null, id: 'local' },
    credential: null,
    address: '127.0.0.1',
    action: 'nodes.create',
    cloud: 'prod',
    resource: operation.resource.self,
    operation: operation.id,
    request_id: 'mine-1',
    outcome: 'succeeded',
    code: null,
    count: 1
  })
  await api.get('/api/v2/nodes')
  await api.post('/api/v2/clouds/prod/nodes/validate', node)
  t.equal((await list()).length, 1, 'reads are not recorded')
})

t.test('a direct change, an accepted one, a refused one and the console have their outcomes', async (t) => {
  const { api, list } = await start(t, { clouds: { prod: dummy({ nodes: 2, delay: 60 }) } })
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes')
  const { body: network } = await api.post('/api/v2/clouds/prod/networks', { name: 'n' })
  await api.delete(network.self)
  await api.post(`${self}/actions/start`)
  await api.post(`${self}/actions/stop`)
  await api.get(`${self}/console`)
  const found = await list()
  const actions = found.map(({ action, outcome, code, resource }) => [action, outcome, code, resource])
  t.same(actions, [
    ['nodes.console', 'succeeded', null, self],
    ['nodes.stop', 'accepted', null, self],
    ['nodes.start', 'succeeded', null, self],
    ['networks.destroy', 'succeeded', null, network.self],
    ['networks.create', 'succeeded', null, network.self]
  ])
  t.equal(found[1]!['operation'].length, 36)
  await api.post('/api/v2/clouds/prod/nodes/node-00000000/actions/stop')
  t.match((await list())[0], { action: 'nodes.stop', outcome: 'refused', code: 'resource_not_found' })
})

t.test('the caller and the key of a change are recorded, and what a known caller is refused', async (t) => {
  const { app, api } = await build(t, { clouds: { prod: dummy({ nodes: 1 }), lab: dummy() }, settings: { auth: {} } })
  const admin = await createKey(app, grant('admin', '*'))
  const team = await createKey(app, grant('operate', 'prod'))
  const { body: { items: [{ self }] } } = await api.get('/api/v2/nodes', team.headers)
  await api.post(`${self}/actions/stop`, undefined, team.headers)
  await api.delete(self, team.headers)
  await api.get('/api/v2/clouds/lab/nodes', team.headers)
  t.equal((await api.get('/api/v2/audit', team.headers)).status, 403, 'the audit is for administrators of all clouds')
  const { body: { items } } = await api.get(`/api/v2/audit?caller=${team.id}`, admin.headers)
  const caller = { kind: 'key', issuer: null, id: team.id }
  const found = items.map(({ action, cloud, outcome, code }: Record<string, unknown>) => [action, cloud, outcome, code])
  t.same(found, [
    ['audit.list', null, 'refused', 'permission_denied'],
    ['nodes.list', 'lab', 'refused', 'cloud_not_found'],
    ['nodes.destroy', 'prod', 'refused', 'permission_denied'],
    ['nodes.stop', 'prod', 'succeeded', null]
  ].map((row, i) => i === 3 ? [...row.slice(0, 2), items[3].outcome, null] : row))
  for (const entry of items) t.match(entry, { caller, credential: team.id, address: '127.0.0.1' })
  const created = await api.post('/api/v2/keys', { name: 'made', grants: [grant('read', 'lab')] }, admin.headers)
  await api.delete(created.body.self, admin.headers)
  const { body: { items: ofAdmin } } = await api.get(`/api/v2/audit?caller=${admin.id}`, admin.headers)
  t.same(ofAdmin.map(({ action }: { action: string }) => action), ['keys.revoke', 'keys.create'])
  const text = JSON.stringify([items, ofAdmin])
  for (const secret of [admin.key, team.key, created.body.secrets.key]) t.notOk(text.includes(secret))
})

t.test('a bulk action has an entry for each node', async (t) => {
  const { api, list } = await start(t)
  const { body: { items: [{ id, self }] } } = await api.get('/api/v2/nodes')
  await api.post('/api/v2/clouds/prod/nodes/actions/stop', { ids: [id, 'node-00000000'] })
  const entries = await list('?action=nodes.stop')
  t.equal(entries.length, 2)
  t.match(entries.find(({ resource }) => resource === self), { operation: /^.{36}$/, code: null })
  t.match(entries.find(({ resource }) => resource.endsWith('/node-00000000')), {
    operation: null, outcome: 'refused', code: 'resource_not_found'
  })
})

t.test("the cloud's own id of a request reaches the entry, of a success and of a refusal", async (t) => {
  const fake = await startRackspace({ behaviour: { delay: 0 } })
  t.teardown(fake.close)
  const cloud = {
    driver: 'rackspace', auth_url: fake.url, username: fake.username, api_key: fake.apiKey, region: 'DFW'
  }
  const { api, list } = await start(t, { clouds: { old: cloud } })
  const body = { name: 'a', image_id: fake.state().images[0]!.id, size_id: 'performance1-1' }
  const { body: operation } = await api.post('/api/v2/clouds/old/nodes', body, { prefer: 'wait=10' })
  const [created] = await list()
  t.match(created, { operation: operation.id, provider_request_id: /^req-/ })
  await api.post('/api/v2/clouds/old/nodes', { ...body, size_id: 'none' })
  const [refused] = await list()
  t.match(refused, { action: 'nodes.create', outcome: /refused|failed/, provider_request_id: /^req-/ })
  t.not(refused!['provider_request_id'], created!['provider_request_id'])
  const secrets = [fake.apiKey, cloud.username]
  t.notOk(secrets.some((secret) => JSON.stringify([created, refused]).includes(secret)), 'no secret is recorded')
})

t.test('the list has pages and filters', async (t) => {
  const { api, list } = await start(t)
  for (const cloud of ['prod', 'lab', 'prod']) await api.post(`/api/v2/clouds/${cloud}/networks`, { name: 'n' })
  const { items } = await api.walk('/api/v2/audit?limit=1')
  t.equal(items.length, 3)
  t.same(items.map(({ id }) => id), (await list()).map(({ id }) => id), 'in the same order')
  t.equal((await list('?cloud=prod')).length, 2)
  t.equal((await list('?cloud=prod,lab&action=networks.create&outcome=succeeded&caller=local')).length, 3)
  t.equal((await list('?caller=other')).length, 0)
  t.equal((await list(`?created_after=${items[0].created_at}`)).length, 1)
  t.equal((await list('?created_before=2000-01-01T00:00:00Z')).length, 0)
  const { body: { next_cursor: cursor } } = await api.get('/api/v2/audit?limit=1')
  const { status } = await api.get(`/api/v2/audit?limit=1&cloud=lab&cursor=${cursor}`)
  t.equal(status, 400, 'a cursor belongs to its query')
})

t.test('a change that cannot be recorded is not sent', async (t) => {
  const { app, api, list } = await start(t)
  await app.store.schema.alterTable('audit').renameTo('away').execute()
  t.equal((await api.post('/api/v2/clouds/lab/networks', { name: 'mine' })).body.code, 'store_unavailable')
  await app.store.schema.alterTable('away').renameTo('audit').execute()
  t.same((await api.get('/api/v2/clouds/lab/networks?name=mine')).body.items, [], 'the cloud has no such network')
  t.same(await list(), [])
})

t.test('refusals without a valid caller are counted by address and minute, and need no entry each', async (t) => {
  const { app, api } = await build(t, {
    settings: { auth: {}, trust_proxy: ['loopback'], limits: { failures_per_minute: 1000 } }
  })
  for (let n = 0; n < 20; n++) {
    await api.get('/api/v2/nodes', { 'x-forwarded-for': `192.0.2.${n % 2}`, authorization: `Bearer wrong-${n}` })
  }
  const { items } = await app.audit.page({ limit: 100 }, 'local')
  const counted = items.map(({ address, count, action, outcome, caller, code }) =>
    ({ address, count, action, outcome, caller, code }))
  const total = (address: string) => counted
    .filter((one) => one.address === address)
    .reduce((sum, { count }) => sum + count, 0)
  t.ok(counted.length <= 4, 'at most two entries of two minutes', { counted })
  t.same([total('192.0.2.0'), total('192.0.2.1')], [10, 10])
  t.match(counted[0], { action: 'authenticate', outcome: 'refused', caller: null, code: 'unauthenticated' })
  t.notOk(JSON.stringify(items).includes('wrong-'), 'no credential is recorded')
})

t.test('the file has a line for each entry, and is opened again on SIGHUP', async (t) => {
  const file = path.join(makeDirectory(t), 'audit.jsonl')
  const lines: Record<string, any>[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const { api, list } = await start(t, { settings: { audit: { file } }, logger: { level: 'info', stream } })
  const read = (name: string) => existsSync(name)
    ? readFileSync(name, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line))
    : []
  const waitForLines = async (name: string, count: number) => {
    while (read(name).length < count) await sleep(20)
    return read(name)
  }
  await api.post('/api/v2/clouds/lab/networks', { name: 'one' })
  const [first] = await waitForLines(file, 1)
  t.same(first, (await list())[0], 'the line is the entry of the API')
  t.same(lines.find(({ msg }) => msg === 'audit')?.['audit'], first, 'and so is the line of the log')
  renameSync(file, `${file}.1`)
  process.emit('SIGHUP', 'SIGHUP')
  while (!existsSync(file)) await sleep(20)
  await api.post('/api/v2/clouds/lab/networks', { name: 'two' })
  t.equal((await waitForLines(file, 1)).length, 1)
  t.equal(read(`${file}.1`).length, 1, 'the earlier file stays as it was')
})

t.test('entries older than the setting are removed at the start', async (t) => {
  const directory = makeDirectory(t)
  const first = await start(t, { directory })
  await first.api.post('/api/v2/clouds/lab/networks', { name: 'n' })
  await first.app.store.updateTable('audit').set({ created_at: '2020-01-01T00:00:00.000Z' }).execute()
  await first.app.close()
  const second = await start(t, { directory, settings: { audit: { keep_days: 1 } } })
  while ((await second.list()).length > 0) await sleep(10)
  t.pass('the entry is gone')
})
