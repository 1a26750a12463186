import t from 'tap'
import type { Api } from './helper/api.ts'
import { build, dummy } from './helper/app.ts'

const nodes = '/api/v2/clouds/default/nodes'
const input = (fields: object = {}) => ({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...fields })
const one = (settings: object = {}, more: object = {}) => ({ clouds: { default: dummy(settings) }, ...more })
const key = (value: string) => ({ 'idempotency-key': value })

const create = (api: Api, value: string, fields: object = {}, headers: Record<string, string> = {}) =>
  api.post(nodes, input(fields), { ...key(value), ...headers })

async function counts (api: Api) {
  const { body: { total } } = await api.get(nodes)
  const { body: { items } } = await api.get('/api/v2/operations')
  return { nodes: total, operations: items.length }
}

t.test('the same request with the same key gets the first answer again, and makes nothing', async (t) => {
  const { api } = await build(t, one({ delay: 0.1 }))
  const first = await create(api, 'a')
  t.match([first.status, first.body.status], [202, 'running'])
  t.notOk('idempotency-replayed' in first.headers)
  await api.ended(first.body)
  const again = await create(api, 'a')
  t.equal(again.status, 202)
  t.same(again.body, first.body, 'as it was then')
  t.match(again.headers, { 'idempotency-replayed': 'true', location: first.headers['location'], 'retry-after': '1' })
  t.not(again.headers['x-request-id'], first.headers['x-request-id'])
  t.same(await counts(api), { nodes: 1, operations: 1 })
})

t.test('what the request means counts, not how it is written', async (t) => {
  const { api } = await build(t, one())
  const first = await create(api, 'a', { tags: { x: '1', y: '2' } })
  const turned = JSON.stringify(
    { tags: { y: '2', x: '1' }, size_id: 'dummy.small', image_id: 'img-debian-12', name: 'web' },
    null,
    2
  )
  const again = await api.post(nodes, turned, {
    ...key('a'),
    'content-type': 'application/json; charset=utf-8',
    prefer: 'wait=5'
  })
  t.equal(again.headers['idempotency-replayed'], 'true')
  t.equal(again.body.id, first.body.id)
  t.equal(
    (await create(api, '"a"', { tags: { x: '1', y: '2' } })).body.id,
    first.body.id,
    'a key may be quoted, as the draft has it'
  )
  t.same(await counts(api), { nodes: 1, operations: 1 })
})

t.test('another request with the same key is refused', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy(), other: dummy() } })
  await create(api, 'a')
  const others = [
    await create(api, 'a', { name: 'db' }),
    await create(api, 'a', { tags: {} }),
    await create(api, 'a', { name: 'wEb' }),
    await api.post('/api/v2/clouds/other/nodes', input(), key('a'))
  ]
  for (const { status, body } of others) t.match([status, body.code], [422, 'idempotency_mismatch'])
  t.same(await counts(api), { nodes: 1, operations: 1 })
  t.equal((await create(api, 'b')).status, 202, 'another key is another request')
  t.equal((await create(api, 'A')).status, 202, 'case counts')
  t.equal((await api.post(nodes, input())).status, 202, 'without a key each request is one')
  t.same(await counts(api), { nodes: 4, operations: 4 })
})

t.test('while the first request runs another with its key is told to wait', async (t) => {
  const { api } = await build(t, one({ latency: 0.2 }))
  const answers = await Promise.all(Array.from({ length: 5 }, () => create(api, 'a')))
  t.same(answers.map(({ status }) => status).sort(), [202, 409, 409, 409, 409])
  const refused = answers.find(({ status }) => status === 409)!
  t.match(refused.body, { code: 'idempotency_in_progress', retryable: true, retry_after: 1 })
  t.equal(refused.headers['retry-after'], '1')
  const made = answers.find(({ status }) => status === 202)!
  t.equal((await create(api, 'a')).body.id, made.body.id)
  t.same(await counts(api), { nodes: 1, operations: 1 })
})

t.test('what the cloud refused is refused again without asking it', async (t) => {
  const { api } = await build(t, one({ faults: [{ on: 'nodes.create', kind: 'permission_denied', times: 1 }] }))
  const first = await create(api, 'a')
  t.match([first.status, first.body.code], [502, 'provider_permission_denied'])
  const again = await create(api, 'a')
  t.match(
    [again.status, again.body.code, again.headers['content-type']],
    [502, 'provider_permission_denied', 'application/problem+json']
  )
  t.equal(again.headers['idempotency-replayed'], 'true')
  t.equal(again.body.request_id, again.headers['x-request-id'], 'the problem tells the request it answers')
  t.match((await create(api, 'a', { name: 'db' })).body, { code: 'idempotency_mismatch' })
  t.same(await counts(api), { nodes: 0, operations: 1 })
})

t.test('a refusal that may pass is not kept: the same request is tried anew', async (t) => {
  for (const kind of ['rate_limited', 'unavailable', 'error']) {
    const { api } = await build(t, one({ faults: [{ on: 'nodes.create', kind, times: 1 }] }))
    const first = await create(api, 'a')
    t.ok(first.body.retryable, kind)
    const again = await create(api, 'a')
    t.equal(again.status, 202)
    t.notOk('idempotency-replayed' in again.headers)
    t.same(await counts(api), { nodes: 1, operations: 2 })
  }
})

t.test('a request that was refused before the cloud was asked leaves its key free', async (t) => {
  const { api } = await build(t, one())
  t.equal((await create(api, 'a', { name: '' })).status, 422)
  t.equal((await create(api, 'a', { provider_options: { openstack: {} } })).status, 422)
  t.equal((await api.post('/api/v2/clouds/nowhere/nodes', input(), key('a'))).status, 404)
  t.equal((await create(api, 'a')).status, 202)
  t.same(await counts(api), { nodes: 1, operations: 1 })
})

t.test('a create whose answer was lost is one request all the same', async (t) => {
  const { api } = await build(
    t,
    one({ timeout: 0.2, faults: [{ on: 'nodes.create', kind: 'hang', when: 'after', times: 1 }] })
  )
  const first = await create(api, 'a')
  t.match([first.status, first.body.phase], [202, 'reconciling'])
  const again = await create(api, 'a')
  t.equal(again.headers['idempotency-replayed'], 'true')
  t.equal(again.body.id, first.body.id)
  t.equal((await api.ended(first.body)).status, 'succeeded')
  t.same(await counts(api), { nodes: 1, operations: 1 })
})

t.test('an answer that was waited for is replayed as it was, and without its secrets', async (t) => {
  const { api } = await build(t, one())
  const options = { provider_options: { dummy: { admin_password: true } } }
  const first = await create(api, 'a', options, { prefer: 'wait=30' })
  t.equal(first.status, 200)
  t.type(first.body.secrets.admin_password, 'string')
  const again = await create(api, 'a', options)
  const { secrets, ...rest } = first.body
  t.equal(again.status, 200)
  t.same(again.body, rest)
})

t.test('a key is known after a restart, for a day', async (t) => {
  const directory = t.testdir()
  const settings = { state_file: 'cloud.json' }
  const first = await build(t, one(settings, { directory }))
  const made = await create(first.api, 'a')
  const refused = await create(first.api, 'b', { image_id: 'img-none' })
  await first.app.close()

  const second = await build(t, one(settings, { directory }))
  const again = await create(second.api, 'a')
  t.equal(again.headers['idempotency-replayed'], 'true')
  t.same(again.body, made.body)
  const denied = await create(second.api, 'b', { image_id: 'img-none' })
  t.match([denied.status, denied.headers['idempotency-replayed']], [422, 'true'])
  t.same(denied.body.errors, refused.body.errors)
  t.match((await create(second.api, 'a', { name: 'db' })).body, { code: 'idempotency_mismatch' })
  t.same(await counts(second.api), { nodes: 1, operations: 2 })
  await second.app.close()

  const now = Date.now
  let hours = 23
  t.intercept(Date, 'now', { value: () => now() + hours * 3600_000 })
  const third = await build(t, one(settings, { directory }))
  t.equal((await create(third.api, 'a')).headers['idempotency-replayed'], 'true')
  await third.app.close()
  hours = 25
  const fourth = await build(t, one(settings, { directory }))
  t.notOk('idempotency-replayed' in (await create(fourth.api, 'a')).headers, 'then it is free again')
  t.same(await counts(fourth.api), { nodes: 2, operations: 3 })
})

t.test('any printable text is a key', async (t) => {
  const { api } = await build(t, one())
  for (const value of [
    '8e03978e-40d5-43dd-bc93-6894a57f9324',
    'x'.repeat(255),
    `"${'y'.repeat(255)}"`,
    'a b',
    "'; drop table idempotency_keys --",
    '{"a":1}'
  ]) {
    const first = await create(api, value)
    t.equal(first.status, 202, value.slice(0, 40), { first })
    t.equal((await create(api, value)).body.id, first.body.id)
  }
})

t.test('a create costs two commits up to its answer, also with a key, and one for its end', async (t) => {
  const { api, app } = await build(t, one({ delay: 0.05 }))
  const commits = t.capture(app.store, 'commit', app.store.commit.bind(app.store))
  const others = t.capture(app.store, 'transaction', app.store.transaction.bind(app.store))
  for (const send of [() => create(api, 'a'), () => api.post(nodes, input())]) {
    const started = await send()
    t.match([started.status, started.body.status], [202, 'running'])
    t.equal(commits().length, 2)
    await api.ended(started.body)
    t.equal(commits().length, 1)
  }
  t.equal(others().length, 0)
})

t.test('a refusal of the cloud costs two commits with a key: the operation, and its end with the answer', async (t) => {
  const faults = [
    { on: 'nodes.create', kind: 'permission_denied', times: 1 }, { on: 'nodes.create', kind: 'unavailable', times: 1 }
  ]
  const { api, app } = await build(t, one({ faults }))
  const commits = t.capture(app.store, 'commit', app.store.commit.bind(app.store))
  for (const value of ['a', 'b']) {
    t.equal((await create(api, value)).headers['idempotency-replayed'], undefined)
    // A cloud that no longer answers is an event of its own.
    const ofOperations = commits().filter(({ args: [changes] }) =>
      changes.some((change: object) => 'sql' in change && /operations/.test(String(change.sql))))
    t.equal(ofOperations.length, 2)
  }
  t.equal((await create(api, 'a')).headers['idempotency-replayed'], 'true')
  t.equal((await create(api, 'b')).status, 202, 'a key is free again after a refusal that may pass')
})

t.test('a NIC that is attached with a key is attached once', async (t) => {
  const { api } = await build(t, one())
  const { body: { items: [network] } } = await api.get('/api/v2/clouds/default/networks')
  const made = await api.ended((await create(api, 'node')).body)
  const path = `${made.resource.self}/nics`
  const attach = () => api.post(path, { network_id: network.id }, key('nic'))
  const first = await attach()
  const again = await attach()
  t.match([first.status, again.status, again.headers['idempotency-replayed']], [200, 200, 'true'])
  t.same(again.body, first.body)
  t.equal((await api.get(path)).body.items.length, 2)
})
