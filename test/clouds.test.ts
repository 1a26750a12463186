import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Type } from '#typebox'
import { parse } from '#yaml'
import { createApp } from '../app.ts'
import { loadSettings } from '../config/index.ts'
import { version } from '../config/version.ts'
import { defineDriver } from '../drivers/driver.ts'
import { loadDrivers } from '../drivers/load.ts'
import { ProblemError } from '../openapi/model/index.ts'
import { build, dummy } from './helper/app.ts'

const on = (call: string, kind: string, more: object = {}) => ({ on: call, kind, ...more })
const failing = (kind: string, more: object = {}) => dummy({ nodes: 1, faults: [on('*', kind)], ...more })
const valid = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }

t.test('clouds are listed in their order, each with its driver and what it stands for', async (t) => {
  const { api } = await build(t, {
    clouds: { west: dummy({ location: 'west-1' }), off: dummy({ enabled: false }), default: dummy() }
  })
  const { status, body } = await api.get('/api/v2/clouds')
  t.equal(status, 200)
  t.match(body.items, [
    { name: 'default', driver: 'dummy', host: null, location: 'local', enabled: true, self: '/api/v2/clouds/default' },
    { name: 'west', location: 'west-1', enabled: true },
    { name: 'off', location: null, enabled: false, health: { status: 'disabled', checked_at: null, problem: null } }
  ])
})

t.test('a cloud is told with all it can do, which is what its methods are', async (t) => {
  const { app, api } = await build(t)
  const { body } = await api.get('/api/v2/clouds/default')
  const { nodes } = app.clouds['default']!
  const methods = Object.keys(nodes!)
    .filter((name) => !['findCreated', 'checkCreate'].includes(name))
    .map((name) => `nodes.${name}`)
  t.same(Object.keys(body.capabilities).filter((name) => name.startsWith('nodes.')).sort(), methods.sort())
  t.ok(body.capabilities['nodes.create'].parameters.includes('user_data'))
  t.equal(typeof body.capabilities['nodes.create'].limits.user_data_bytes, 'number')
  t.ok(body.capabilities['nodes.list'].filters.includes('state'))
})

t.test('the health of a cloud is that of this moment when it is asked for alone', async (t) => {
  const { api } = await build(t, {
    clouds: {
      good: dummy(),
      denied: dummy({ faults: [on('check', 'auth_failed')] }),
      // The check at the start is the one that passes.
      broke: dummy({ faults: [on('check', 'unavailable', { skip: 1 })] }),
      mended: dummy({ faults: [on('check', 'unavailable', { times: 1 })] })
    }
  })
  const health = async (cloud: string) => (await api.get(`/api/v2/clouds/${cloud}`)).body.health
  t.match(await health('good'), { status: 'up', problem: null, checked_at: String, elapsed_ms: Number })
  t.match(await health('denied'), {
    status: 'down',
    problem: {
      code: 'provider_auth_failed',
      cloud: 'denied',
      driver: 'dummy',
      hint: /orchestrator check/,
      retryable: false
    }
  })
  t.match(await health('broke'), { status: 'down', problem: { code: 'provider_unavailable' } })
  t.match(await health('mended'), { status: 'up', problem: null })
  const { body } = await api.get('/api/v2/clouds')
  t.same(
    body.items.map(({ health: { status } }: any) => status),
    ['up', 'down', 'down', 'up'],
    'and the list has it as it was last seen'
  )
})

t.test('a call that finds a cloud away is seen in its health, and one that finds it back too', async (t) => {
  const faults = [
    on('nodes.list', 'unavailable', { times: 1 }),
    on('images.list', 'auth_failed', { times: 1 }),
    on('sizes.list', 'error')
  ]
  const { api } = await build(t, { clouds: { default: dummy({ faults }) } })
  const health = async () => (await api.get('/api/v2/clouds')).body.items[0].health
  await api.get('/api/v2/clouds/default/nodes')
  t.match(await health(), { status: 'down', problem: { code: 'provider_unavailable' } })
  await api.get('/api/v2/clouds/default/nodes')
  t.match(await health(), { status: 'up', problem: null })
  await api.get('/api/v2/clouds/default/images')
  t.match(await health(), { status: 'down', problem: { code: 'provider_auth_failed' } })
  await api.get('/api/v2/clouds/default/images')
  await api.get('/api/v2/clouds/default/sizes')
  t.match(await health(), { status: 'up' }, 'a call that failed in another way says nothing of the whole cloud')
})

t.test('refresh asks the cloud anew and tells how that went', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ faults: [on('check', 'auth_failed', { times: 1 })] }) } })
  const first = await api.get('/api/v2/clouds')
  t.equal(first.body.items[0].health.status, 'down', 'as it was at the start')
  const { status, body } = await api.post('/api/v2/clouds/default/actions/refresh')
  t.match([status, body.name, body.health.status], [200, 'default', 'up'])
  t.ok('nodes.create' in body.capabilities)
})

/** A cloud of which nodes can be seen and created, with a name, an image and a size, and nothing else. */
const plain = defineDriver({
  name: 'plain',
  title: 'A cloud that can do little',
  settings: Type.Object({ location: Type.Optional(Type.String()) }, { additionalProperties: false }),
  locationSetting: 'location',
  connect: (_, { cloud }) => ({
    cloud,
    driver: 'plain',
    host: null,
    location: null,
    ids: {},
    capabilities: { nodes: { create: { parameters: ['name', 'image_id', 'size_id'] } } },
    nodes: {
      list: async () => ({ items: [], next: null }),
      get: async (id) => { throw new ProblemError('resource_not_found', `There is no node ${id}`) },
      create: async () => { throw new ProblemError('provider_capacity', 'There is no room') }
    },
    async check () {},
    refresh () {}
  })
})

t.test('what a cloud cannot do is a 501 that names it, before any call', async (t) => {
  const directory = t.testdir({
    'orchestrator.json': JSON.stringify({ clouds: { default: { driver: 'plain' }, dummy: dummy() } })
  })
  const drivers = new Map([...await loadDrivers(), ['plain', plain]])
  const app = createApp({ settings: loadSettings({ env: {}, cwd: directory, drivers }), drivers })
  t.teardown(() => app.close())
  const { body: { capabilities } } = await ask('GET', '')
  t.same(Object.keys(capabilities), ['nodes.list', 'nodes.get', 'nodes.create'])

  const refused: [Parameters<typeof ask>[0], string, object | undefined, string][] = [
    ['POST', '/nodes', { ...valid, user_data: 'x' }, 'nodes.create.user_data'],
    ['POST', '/nodes', { ...valid, count: 2 }, 'nodes.create.count'],
    ['POST', '/nodes', { ...valid, protected: true }, 'nodes.create.protected'],
    ['POST', '/nodes', { ...valid, networks: [{ network_id: 'n' }] }, 'nodes.create.networks'],
    ['POST', '/nodes/any/actions/stop', undefined, 'nodes.stop'],
    ['POST', '/nodes/any/actions/resize', { size_id: 'x' }, 'nodes.resize'],
    ['PATCH', '/nodes/any', { name: 'x' }, 'nodes.update'],
    ['DELETE', '/nodes/any', undefined, 'nodes.destroy'],
    ['GET', '/images', undefined, 'images.list'],
    ['GET', '/images/any', undefined, 'images.get'],
    ['GET', '/sizes?name=a', undefined, 'sizes.list']
  ]
  for (const [method, path, body, capability] of refused) {
    const answer = await ask(method, path, body)
    t.match([answer.status, answer.body.code], [501, 'not_supported'], capability, { answer })
    t.match(answer.body, { cloud: 'default', driver: 'plain', capability, retryable: false })
  }
  t.equal(
    (await ask('POST', '/nodes', { ...valid, count: 1, protected: false })).status,
    503,
    'what means the same as leaving it out is no use of it'
  )
  const foreign = await ask('POST', '/nodes', { ...valid, provider_options: { dummy: {} } })
  t.equal(foreign.status, 501)
  const { items, sources } = (await app.inject('/api/v2/images')).json()
  t.same(
    sources.map(({ cloud }: { cloud: string }) => cloud),
    ['dummy'],
    'a list of all clouds is one of those that have it'
  )
  t.ok(items.length > 0)
  t.match((await app.inject('/api/v2/images?cloud=default,dummy')).json().sources, [
    { cloud: 'default', status: 'error', problem: { code: 'not_supported', capability: 'images.list' } },
    { cloud: 'dummy', status: 'ok' }
  ])

  async function ask (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) {
    const answer = await app.inject({
      method,
      url: `/api/v2/clouds/default${path}`,
      ...(payload === undefined ? {} : { payload })
    })
    return { status: answer.statusCode, body: answer.json() }
  }
})

t.test('options of another driver are refused: they would be lost', async (t) => {
  const { api } = await build(t)
  const { status, body } = await api.post('/api/v2/clouds/default/nodes', {
    ...valid,
    provider_options: { openstack: {} }
  })
  t.match([status, body.errors], [422, [{ in: 'body', pointer: '/provider_options/openstack', message: /dummy/ }]])
})

t.test('drivers are listed with the clouds that use them, and tell the schema of their settings', async (t) => {
  const { api } = await build(t, { clouds: { a: dummy(), b: dummy({ enabled: false }) } })
  const all = [...(await loadDrivers()).keys()]
  const { body } = await api.get('/api/v2/drivers')
  t.same(body.items.map(({ name }: { name: string }) => name), all, 'all there are')
  t.same(body.items.find(({ name }: { name: string }) => name === 'dummy').clouds, ['a', 'b'])
  const one = (await api.get('/api/v2/drivers/dummy')).body
  t.match(one, {
    name: 'dummy',
    self: '/api/v2/drivers/dummy',
    settings: { type: 'object', properties: { delay: { default: 1, minimum: 0 } } }
  })
  t.match(one.create_options, { properties: { admin_password: { type: 'boolean' } } })
  t.match((await api.get('/api/v2/drivers/nebula')).body, { status: 404, code: 'resource_not_found' })
})

t.test('the server starts and serves although every cloud is down or hangs', async (t) => {
  const started = performance.now()
  const { api } = await build(t, {
    clouds: { default: failing('auth_failed'), gone: failing('unavailable'), hung: failing('hang', { timeout: 30 }) }
  })
  t.ok(performance.now() - started < 10_000, 'no cloud holds it up')
  for (const url of ['/health/live', '/health/ready', '/api/v2/clouds', '/api/v2/drivers', '/api/v2/operations']) {
    t.equal((await api.get(url)).status, 200, url)
  }
  const { body } = await api.get('/api/v2/clouds')
  t.same(body.items.map(({ health }: any) => health.status), ['down', 'down', 'unknown'])
})

t.test(
  'when one cloud hangs the calls to others are answered as before, and its own callers hear within its deadline',
  async (t) => {
    const { api } = await build(t, {
      clouds: {
        default: dummy({ nodes: 2 }),
        hung: dummy({ timeout: 0.5, max_in_flight: 4, faults: [on('nodes.*', 'hang')] })
      }
    })
    await api.get('/api/v2/nodes?cloud=default')
    const started = performance.now()
    const hanging = Array.from({ length: 20 }, () => api.get('/api/v2/clouds/hung/nodes'))
    const others = await Promise.all(Array.from({ length: 20 }, () => api.get('/api/v2/clouds/default/nodes')))
    t.ok(others.every(({ status, body }) => status === 200 && body.items.length === 2))
    const served = performance.now() - started
    const late = await Promise.all(hanging)
    const took = performance.now() - started
    t.ok(served < took, 'others do not wait for it', { served, took })
    t.ok(took >= 500 && took < 3000, 'those in line for it hear with the others', { took })
    for (const { status, body } of late) {
      t.match([status, body.code, body.cloud, body.retryable], [504, 'provider_timeout', 'hung', true])
      t.match(body.detail, /0\.5 s/)
    }
  }
)

t.test('a change that gets no place in line before its deadline was not sent, and says so', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ timeout: 0.3, max_in_flight: 1, faults: [on('nodes.list', 'hang')] }) }
  })
  const reading = api.get('/api/v2/clouds/default/nodes')
  const { status, body } = await api.post('/api/v2/clouds/default/nodes', valid)
  await reading
  t.ok(body.code !== 'internal_error', 'whatever it says, it is no fault of the server', { status, body })
  const { body: { items: [operation] } } = await api.get('/api/v2/operations')
  const ended = operation.finished_at === null ? await api.ended(operation) : operation
  t.equal(ended.status === 'succeeded', status === 202, 'what is told as accepted comes to be', { status, body, ended })
})

t.test('the id of a request is that which its client gave it, if it is one', async (t) => {
  const { api } = await build(t)
  const id = async (given?: string, url = '/api/v2/clouds') =>
    (await api.get(url, given === undefined ? {} : { 'x-request-id': given })).headers['x-request-id']!
  t.equal(await id('deploy-42:web.1_a'), 'deploy-42:web.1_a')
  t.equal(await id('x'.repeat(128)), 'x'.repeat(128))
  for (const odd of ['', 'a b', 'x'.repeat(129), '"><script>', 'ä']) {
    t.match(await id(odd), /^[0-9a-f-]{36}$/, odd.slice(0, 20))
  }
  t.not(await id(), await id(), 'otherwise each has its own')
  const problem = await api.get('/api/v2/clouds/none', { 'x-request-id': 'mine' })
  t.match([problem.headers['x-request-id'], problem.body.request_id], ['mine', 'mine'])
  t.equal(await id('mine', '/nowhere'), 'mine')
})

t.test('every error has the one form', async (t) => {
  const { api } = await build(t, {
    clouds: { default: dummy({ faults: [on('nodes.list', 'rate_limited', { retry_after: 1.2 })] }) }
  })
  const { status, headers, body } = await api.get('/api/v2/clouds/default/nodes?limit=3')
  t.equal(status, 503)
  t.match(headers['content-type'], /^application\/problem\+json/)
  t.equal(headers['retry-after'], '2', 'whole seconds, and none too few')
  t.match(body, {
    type: '/problems/provider_rate_limited',
    title: String,
    status: 503,
    detail: String,
    instance: '/api/v2/clouds/default/nodes',
    code: 'provider_rate_limited',
    request_id: headers['x-request-id'],
    cloud: 'default',
    driver: 'dummy',
    retryable: true,
    retry_after: 1.2,
    hint: String
  })
  const missing = (await api.get('/api/v2/clouds/default/nodes/node-00000000')).body
  t.match(missing, { code: 'resource_not_found', cloud: 'default', driver: 'dummy', retryable: false })
  t.notOk('stack' in missing || 'retry_after' in missing)
})

t.test('the document is served as JSON and YAML, and read by people at /docs', async (t) => {
  const { app } = await build(t)
  const json = await app.inject('/openapi.json')
  t.match([json.statusCode, json.headers['content-type']], [200, /^application\/json/])
  const document = json.json()
  t.match(document, { openapi: '3.1.0', info: { title: 'Cloud Orchestrator', version } })
  const yaml = await app.inject('/openapi.yaml')
  t.match([yaml.statusCode, yaml.headers['content-type']], [200, /^application\/yaml/])
  t.same(parse(yaml.body), document)
  const docs = await app.inject('/docs/')
  t.match([docs.statusCode, docs.headers['content-type']], [200, /^text\/html/])
  t.equal((await app.inject('/docs')).statusCode < 400, true)
  const ids = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods as object))
    .map(({ operationId }) => operationId)
  t.equal(new Set(ids).size, ids.length, 'each operation has an id of its own')
  t.ok(ids.every((id) => typeof id === 'string'))
})

t.test('health is told to whoever watches the server, without its clouds', async (t) => {
  const { app, api } = await build(t, { clouds: { default: failing('unavailable') } })
  for (const url of ['/health/live', '/health/ready']) t.same((await api.get(url)).body, { status: 'ok' })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const { status, headers } = await fetch(`http://127.0.0.1:${port}/health/live`, { method: 'HEAD' })
  t.equal(status, 200)
  t.ok(headers.get('x-request-id'))
  const closed = once(app.server, 'close')
  await app.close()
  await closed
})

t.test('a create can be checked without creating anything', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy(), away: failing('unavailable'), other: dummy() } })
  const validate = async (fields: object, cloud = 'default') =>
    (await api.post(`/api/v2/clouds/${cloud}/nodes/validate`, { ...valid, ...fields })).body
  const results = (body: any) => Object.fromEntries(body.checks.map(({ name, ok }: any) => [name, ok]))
  const good = await validate({})
  t.equal(good.valid, true)
  t.match(results(good), { schema: true, capability: true, image: true, size: true })
  const missing = await validate({ image_id: 'img-none', size_id: 'dummy.none' })
  t.equal(missing.valid, false)
  t.match(results(missing), { schema: true, image: false, size: false })
  t.match(results(await validate({ provider_options: { openstack: {} } })), { capability: false })
  t.match(await validate({ name: 7 }), { valid: false, checks: [{ name: 'schema', ok: false, detail: /name/ }] })
  t.match(results(await validate({}, 'away')), { image: null, size: null }, 'null is what cannot be found out')
  t.equal((await api.get('/api/v2/nodes')).body.items.length, 0)
  t.same((await api.get('/api/v2/operations')).body.items, [])
})

t.test('a list over all clouds ends after its timeout, and names the clouds that did not answer', async (t) => {
  const hung = dummy({ faults: [{ on: 'nodes.list', kind: 'hang' }], timeout: 20 })
  const { api } = await build(t, { clouds: { default: dummy(), hung } })
  const started = performance.now()
  const { status, body } = await api.get('/api/v2/nodes?timeout=0.3')
  t.equal(status, 200)
  t.ok(performance.now() - started < 10_000, 'it does not wait for the timeout of the cloud')
  t.match(body.sources, [
    { cloud: 'default', status: 'ok' },
    { cloud: 'hung', status: 'timeout', problem: { code: 'provider_timeout', detail: /within 0\.\d+ s/ } }
  ])
  for (const odd of ['0', '61', 'soon', '']) {
    t.match(await api.get(`/api/v2/nodes?timeout=${odd}`), { status: 422, body: { errors: [{ pointer: '/timeout' }] } })
  }
  const single = await api.get('/api/v2/clouds/default/nodes?timeout=1')
  t.equal(single.status, 422, 'a list of one cloud has no such limit')
})

t.test('a cloud that is down costs a list over all clouds one second at most', async (t) => {
  const hung = dummy({
    faults: [{ on: 'nodes.list', kind: 'hang' }, { on: 'check', kind: 'unavailable' }], timeout: 30
  })
  const { api } = await build(t, { clouds: { default: dummy(), hung } })
  t.match((await api.get('/api/v2/clouds/hung')).body.health, { status: 'down' })
  const { body } = await api.get('/api/v2/nodes')
  t.match(body.sources[1], { cloud: 'hung', status: 'timeout', problem: { detail: /within 1 s/ } })
})
