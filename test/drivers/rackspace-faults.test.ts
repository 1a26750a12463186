import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { build, dummy } from '../helper/app.ts'
import { startRackspace, type RackspaceOptions } from '../labs/rackspace/index.ts'
import { none, plain, query, refused, start } from './rackspace-cloud.ts'

const list = 'GET /servers/detail'
const overLimit = (retryAfter: string) => ({
  status: 413,
  headers: { 'retry-after': retryAfter },
  body: { overLimit: { code: 413, message: 'OverLimit Retry...', details: 'Error Details...' } }
})

/** A server with a Rackspace, with settings of its own, beside another cloud. */
async function served (t: Test, settings: object = {}, options: RackspaceOptions = {}) {
  const fake = await startRackspace({ ...options, behaviour: { delay: 0, ...options.behaviour } })
  t.teardown(fake.close)
  const cloud = { driver: 'rackspace', auth_url: fake.url, username: fake.username, api_key: fake.apiKey, ...settings }
  return { fake, ...(await build(t, { clouds: { default: cloud, other: dummy({ nodes: 2 }) } })) }
}

t.test('with a wrong key the cloud is down, and the other one works', async (t) => {
  const { api, fake } = await served(t, { api_key: 'wrong-key' })
  const { body } = await api.get('/api/v2/clouds/default')
  t.match(body.health, {
    status: 'down',
    problem: {
      code: 'provider_auth_failed',
      hint: /api_key/,
      provider_error: { code: 'unauthorized', message: /^Unable to authenticate/ }
    }
  })
  const asked = fake.asked('POST /tokens').length
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.get('/api/v2/clouds/default/nodes')))
  t.ok(answers.every(({ status, body }) => status === 502 && body.code === 'provider_auth_failed'))
  t.equal(fake.asked('POST /tokens').length, asked, 'and Identity is left in peace')
  t.equal((await api.get('/api/v2/nodes')).body.items.length, 2)
  t.notMatch(JSON.stringify([body, answers]), /wrong-key/)
})

t.test('with an unknown region the cloud is down, and the error lists the regions', async (t) => {
  const { api } = await served(t, { region: 'syd' })
  const { body } = await api.get('/api/v2/clouds/default')
  t.match(body.health, {
    status: 'down',
    problem: {
      code: 'provider_unavailable',
      detail: /region SYD; its regions are: DFW, IAD, ORD$/,
      hint: /`region`/,
      retryable: false
    }
  })
  t.equal((await api.get('/api/v2/nodes')).body.items.length, 2)
})

t.test('the region is that of the settings in any case, or the default of the account', async (t) => {
  const { api, fake } = await served(t, { region: 'ord' })
  t.match((await api.get('/api/v2/clouds/default')).body, {
    location: 'ORD',
    host: new URL(fake.url).host,
    health: { status: 'up' }
  })
  const { cloud, call } = await start(t)
  await cloud.check(call())
  t.equal(cloud.location, 'DFW')
})

t.test('after too many requests a call waits as long as the cloud says, also a change', async (t) => {
  const { api, fake } = await served(t, { timeout: 10 })
  await api.get('/api/v2/clouds/default')
  fake.behaviour.rules.push({ match: list, times: 2, answer: overLimit('0.2') })
  const begun = performance.now()
  const { status } = await api.get('/api/v2/clouds/default/nodes')
  t.equal(status, 200)
  t.ok(performance.now() - begun >= 400, 'not before its time')

  fake.behaviour.rules.push({ match: 'POST /servers', times: 1, answer: overLimit('0.1') })
  const name = 'limited'
  const { body } = await api.post(
    '/api/v2/clouds/default/nodes',
    { name, image_id: fake.state().images[0]!.id, size_id: '2' },
    { prefer: 'wait=30' }
  )
  t.equal(body.status, 'succeeded', 'the create goes on', { body })
  t.equal(fake.state().servers.filter((server) => server.name === name).length, 1)
})

t.test('if the rate limit outlasts the deadline, the answer is 503 with the time to wait', async (t) => {
  const { api, fake } = await served(t, { timeout: 10 })
  await api.get('/api/v2/clouds/default')
  fake.behaviour.rules.push({ match: list, answer: overLimit('42') })
  fake.requests.length = 0
  const long = await api.get('/api/v2/clouds/default/nodes')
  t.match(long.body, {
    status: 503,
    code: 'provider_rate_limited',
    retry_after: 42,
    retryable: true,
    provider_error: { code: 'overLimit' }
  })
  t.equal(long.headers['retry-after'], '42')
  t.equal(fake.asked(list).length, 1, 'asked once')

  fake.behaviour.rules = [{ match: list, answer: overLimit('0') }]
  fake.requests.length = 0
  t.match((await api.get('/api/v2/clouds/default/nodes')).body, { status: 503, code: 'provider_rate_limited' })
  t.equal(fake.asked(list).length, 4, 'and not for ever')

  const later = {
    overLimit: { code: 413, message: 'OverLimit Retry...', retryAfter: new Date(Date.now() + 60_000).toISOString() }
  }
  fake.behaviour.rules = [{ match: list, answer: { status: 413, body: later } }]
  const told = await api.get('/api/v2/clouds/default/nodes')
  t.match(told.body, { status: 503, code: 'provider_rate_limited' }, 'also where only the body tells the moment')
  t.ok(told.body.retry_after > 50 && told.body.retry_after <= 61)
})

t.test('the deadline ends the wait for the rate limit', async (t) => {
  const { fake, nodes, call } = await start(t, {}, { timeout: 20 })
  await nodes.list(query, call())
  fake.behaviour.rules.push({ match: list, answer: overLimit('5') })
  const begun = performance.now()
  t.match(await refused(nodes.list(query, call({ timeout: 200 }))), {
    code: 'provider_rate_limited',
    details: { retry_after: 5 }
  })
  t.ok(performance.now() - begun < 4000)
})

t.test('an exceeded quota is not a rate limit, whatever its status is', async (t) => {
  for (const quotaStatus of [403, 413] as const) {
    const { fake, nodes, call, input } = await start(t, { behaviour: { quotas: { servers: 0 }, quotaStatus } })
    t.match(await refused(nodes.create(input, call())), {
      code: 'provider_quota_exceeded',
      message: /^Quota exceeded for instances/
    })
    t.equal(fake.asked('POST /servers').length, 1, 'asked once')
  }
})

t.test('a 203 is a success like a 200', async (t) => {
  const { fake, cloud, nodes, call, node } = await start(t, { behaviour: { nonAuthoritative: true } })
  await cloud.check(call())
  const id = await node()
  t.match(await nodes.get(id, plain, call()), { id, state: 'running' })
  t.equal((await nodes.list(query, call())).items.length, 1)
  t.same([...new Set(fake.requests.map(({ status }) => status))].sort(), [202, 203])
})

t.test('a token that ends during 100 calls is renewed once, and all calls succeed', async (t) => {
  const { fake, nodes, call, node } = await start(t)
  await node()
  fake.requests.length = 0
  fake.behaviour.rules.push({
    match: list,
    times: 1,
    before: () => {
      fake.revokeTokens()
    }
  })
  const first = Array.from({ length: 50 }, () => nodes.list(query, call()))
  const pages = await Promise.all([...first, ...Array.from({ length: 50 }, () => nodes.list(query, call()))])
  t.ok(pages.every(({ items }) => items.length === 1))
  t.equal(pages.length, 100)
  t.equal(fake.asked('POST /tokens').length, 1)
  t.ok(
    fake.asked(list).some(({ status }) => status === 401),
    'some were refused'
  )

  fake.revokeTokens()
  fake.requests.length = 0
  await nodes.update((await nodes.list(query, call())).items[0]!.id, { name: 'renamed' }, call())
  t.equal(fake.asked('POST /tokens').length, 1, 'a change is repeated too')
})

t.test('a token is renewed before it ends', async (t) => {
  let passed = 0
  const real = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => real() + passed })
  const { fake, nodes, call } = await start(t, { behaviour: { tokenLife: 3600 } })
  await nodes.list(query, call())
  passed = 3_000_000
  await nodes.list(query, call())
  t.equal(fake.asked('POST /tokens').length, 1, 'not as long as it serves')
  passed = 3_700_000
  await nodes.list(query, call())
  t.equal(fake.asked('POST /tokens').length, 2)
})

t.test('a create whose answer was lost is found by its metadata', async (t) => {
  const { api, fake } = await served(t)
  fake.behaviour.rules.push({ match: 'POST /servers', times: 1, lose: true })
  const image = fake.state().images[0]!.id
  const { status, body } = await api.post('/api/v2/clouds/default/nodes', {
    name: 'lost',
    image_id: image,
    size_id: '2',
    tags: { env: 'test' }
  })
  t.equal(status, 202)
  t.equal(body.phase, 'reconciling')
  const operation = await api.ended(body)
  t.equal(operation.status, 'succeeded', 'it ends', { operation })
  t.same(
    fake.state().servers.map(({ id }) => id),
    [operation.resource.id],
    'one server exists'
  )
  t.same((await api.get(operation.resource.self)).body.tags, { env: 'test' }, 'and the mark is no tag')
  t.match((await api.get(`${operation.resource.self}?include=extra`)).body.extra.metadata, { env: 'test' })
})

t.test('images, volumes and snapshots whose creation was lost are found, and nothing else', async (t) => {
  const { fake, cloud, call, node } = await start(t)
  const since = new Date()
  const operation = none
  const id = await node()
  const image = { name: 'golden', node_id: id }
  const {
    resources: [madeImage]
  } = await cloud.images.create(image, call({ operation }))
  const {
    resources: [volume]
  } = await cloud.volumes.create({ name: 'data', size: 75 }, call({ operation }))
  fake.state().settle()
  const {
    resources: [snapshot]
  } = await cloud.snapshots.create({ name: 'data', volume_id: volume!.id }, call({ operation }))
  t.strictSame(await cloud.images.findCreated({ id: operation, input: image }, since, call()), [madeImage])
  t.strictSame(await cloud.volumes.findCreated({ id: operation, input: { name: 'data', size: 75 } }, since, call()), [
    volume
  ])
  t.strictSame(await cloud.snapshots.findCreated({ id: operation, input: { volume_id: volume!.id } }, since, call()), [
    snapshot
  ])
  fake.state().settle()
  await cloud.images.create({ name: 'heir', node_id: await node({ image_id: madeImage!.id }) }, call())
  t.ok(fake.state().images.at(-1)!.metadata['orchestrator_operation'], 'an image inherits what the one before carries')
  t.strictSame(
    await cloud.images.findCreated({ id: operation, input: image }, since, call()),
    [madeImage],
    'and is none of that operation'
  )
  t.strictSame(await cloud.images.findCreated({ id: 'another', input: image }, since, call()), [])
  t.strictSame(await cloud.volumes.findCreated({ id: 'another', input: { size: 75 } }, since, call()), [])
  fake.state().settle()
  t.strictSame((await cloud.images.get(madeImage!.id, { extra: true }, call())).tags, {})
  t.notMatch(JSON.stringify(await cloud.images.get(madeImage!.id, { extra: true }, call())), /orchestrator_operation/)
})

t.test('an Identity that cannot be reached, and one that does not answer, are reported', async (t) => {
  const { fake, cloud, call } = await start(t)
  for (const [answer, expected] of [
    [{ status: 404 }, { code: 'provider_unavailable', details: { hint: /auth_url/, retryable: false } }],
    [{ status: 200, body: {} }, { code: 'provider_error' }],
    [{ status: 400, body: { badRequest: { code: 400, message: 'no' } } }, { code: 'provider_rejected' }],
    [
      { status: 403, body: { userDisabled: { code: 403, message: 'User is disabled' } } },
      { code: 'provider_permission_denied', message: 'User is disabled' }
    ]
  ] as const) {
    fake.behaviour.rules = [{ match: 'POST /tokens', answer }]
    t.match(await refused(cloud.check(call())), expected)
    cloud.refresh()
  }
})

t.test('no secret is in a log line', async (t) => {
  const { fake, cloud, call, logged, node } = await start(t)
  await cloud.check(call())
  await node()
  fake.behaviour.rules.push({
    match: list,
    answer: { status: 500, body: { computeFault: { code: 500, message: 'oops' } } }
  })
  await refused(cloud.nodes.list(query, call()))
  t.match(logged.join(), /servers\/detail/)
  t.notMatch(logged.join(), new RegExp(`${fake.apiKey}|${String(fake.asked(list)[0]!.headers['x-auth-token'])}`))
})

t.test('a key or token that the cloud repeats is in no answer, log or store', async (t) => {
  const fake = await startRackspace({ behaviour: { delay: 0 } })
  t.teardown(fake.close)
  const log: string[] = []
  const stream = new Writable({
    write (chunk, _encoding, done) {
      log.push(String(chunk))
      done()
    }
  })
  const cloud = { driver: 'rackspace', auth_url: fake.url, username: fake.username, api_key: fake.apiKey }
  const { api, directory } = await build(t, { clouds: { default: cloud }, logger: { level: 'trace', stream } })
  t.equal((await api.get('/api/v2/clouds/default/nodes')).status, 200)
  const token = String(fake.asked(list)[0]!.headers['x-auth-token'])
  const body = { badRequest: { code: 400, message: `no: ${token} of ${fake.apiKey}` } }
  for (const match of [list, 'POST /servers']) fake.behaviour.rules.push({ match, answer: { status: 400, body } })

  const listed = await api.get('/api/v2/clouds/default/nodes', { 'cache-control': 'no-cache' })
  t.match(listed.body, { code: 'provider_rejected', provider_error: { message: 'no: *** of ***' } })
  const input = { name: 'web', image_id: fake.state().images[0]!.id, size_id: '2' }
  const created = await api.post('/api/v2/clouds/default/nodes', input, { 'idempotency-key': 'repeated' })
  const operations = await api.get('/api/v2/operations')
  const stored = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name !== 'orchestrator.json')
    .map((file) => readFileSync(path.join(file.parentPath, file.name), 'latin1'))
  t.ok(stored.join().includes('no: ***'), 'the store has the message')
  const places = { answers: JSON.stringify([listed, created, operations]), log: log.join(), store: stored.join() }
  for (const [place, text] of Object.entries(places)) {
    for (const secret of [token, fake.apiKey]) t.notOk(text.includes(secret), `${secret}: not in ${place}`)
  }
})
