import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { createUsers } from '../plugins/auth/users.ts'
import { uuidOf } from '../routes/v1/libcloud.ts'
import { build, dummy, root } from './helper/app.ts'

interface Answer {
  status: number
  headers: Record<string, unknown>
  body: any
}

/** Sends requests of v1 as old clients do: JSON without its media type. */
function createV1 (app: FastifyInstance, headers: Record<string, string> = {}) {
  const send = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<Answer> => {
    const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const options: InjectOptions = { method, url: `/api/v1${path}`, headers: { ...type, ...headers }, payload }
    const { statusCode, headers: answered, body: text } = await app.inject(options)
    return { status: statusCode, headers: answered, body: JSON.parse(text) }
  }
  return {
    get: (path: string) => send('GET', path),
    post: (path: string, body: unknown) => send('POST', path, body),
    put: (path: string, body: unknown) => send('PUT', path, body)
  }
}

const errorOf = (status: number, message: RegExp | string) => ({
  status,
  body: {
    status: 'error',
    status_code: status,
    status_short_message: String,
    status_long_message: String,
    message
  }
})

const machine = { name: 'web-1', image: 'img-debian-12', size: 'dummy.small' }

t.test('the lists of v1 have the shapes of the original', async (t) => {
  const { app } = await build(t, { clouds: { other: dummy(), default: dummy({ nodes: 2 }) } })
  const { get } = createV1(app)
  t.match(await get('/'), { status: 200, body: { status: 'ok' } })
  t.same((await get('/cloud')).body, {
    status: 'ok',
    served_cloud: [{ name: 'default', type: 'dummy', host: null }, { name: 'other', type: 'dummy', host: null }]
  })
  const { body: { nodes } } = await get('/nodes')
  t.equal(nodes.length, 2)
  t.same(Object.keys(nodes[0]).sort(), [
    'cloud_type', 'extra', 'id', 'name', 'private_ips', 'provider', 'public_ips', 'state', 'uuid'
  ])
  t.match(nodes[0], { provider: 'Dummy Node Provider', cloud_type: 'dummy', state: 'running', uuid: /^[0-9a-f]{40}$/ })
  t.same((await get('/nodes/other')).body, { status: 'ok', nodes: [] })
  const { body: { flavors } } = await get('/sizes/default')
  t.match(flavors.find(({ id }: { id: string }) => id === 'dummy.small'), { ram: 2048, cpu: 1, disk: 20 })
  t.same((await get('/flavors')).body, { status: 'ok', flavors }, 'flavors are the sizes')
  t.match((await get('/images')).body, { status: 'ok', images: [{ id: 'img-debian-12', name: 'Debian 12' }] })
  t.match((await get('/tenants')).body, { status: 'ok', tenants: [{ id: 'default', name: 'default' }] })
})

t.test('a list is whole, although clouds have pages', async (t) => {
  const { app } = await build(t, { clouds: { default: dummy({ nodes: 120, page_size: 50 }) } })
  const { body: { nodes } } = await createV1(app).get('/nodes')
  t.equal(new Set(nodes.map(({ id }: { id: string }) => id)).size, 120)
})

t.test('the uuid of a node is that of Libcloud 3.9.1', async (t) => {
  t.equal(uuidOf('1', 'dummy'), '2c183c20f71eb5732512d6cfe1f75ebc9d9bb4dd')
  t.equal(uuidOf('2', 'dummy'), '46ff62f5eafc7837de6ec1450b8e0e608db06d7a')
})

t.test('vm/start creates a node, by id or by name of image and size, and vm/stop destroys it', async (t) => {
  const { app } = await build(t)
  const { get, post, put } = createV1(app)
  const input = { ...machine, image: 'Debian 12', metadata: { env: 'test' } }
  const { status, body } = await post('/vm/start/default', input)
  t.match({ status, body }, { status: 200, body: { status: 'ok', nodes: { name: 'web-1', cloud_type: 'dummy' } } })
  const { id } = body.nodes
  t.match((await app.inject(`/api/v2/clouds/default/nodes/${id}`)).json(), { tags: { env: 'test' } })
  t.same((await put('/vm/stop', { node: id })).body, { status: 'ok', result: `Node ${id} deleted` })
  t.match((await get('/nodes')).body, { nodes: [] })
  await post('/vm/start', machine)
  t.match(await put('/vm/stop', { hostname: 'web-1' }), { status: 200, body: { result: /^Node node-\w+ deleted$/ } })
})

t.test('wrong input gets the errors of the original, and nothing is done', async (t) => {
  const { app } = await build(t)
  const { get, post, put } = createV1(app)
  await post('/vm/start', machine)
  await post('/vm/start', machine)
  const wrong: [Promise<Answer>, object][] = [
    [post('/vm/start', '{"name"'), errorOf(400, 'Malformed JSON stream')],
    [post('/auth', 'nothing'), errorOf(400, 'Malformed JSON stream')],
    [post('/vm/start', {}), errorOf(400, /name: is required; image: is required; size: is required/)],
    [post('/vm/start', { ...machine, name: 7 }), errorOf(400, /name: must be string/)],
    [post('/vm/start', { ...machine, colour: 'red' }), errorOf(400, 'colour: is not a known field')],
    [post('/vm/start', { ...machine, image: 'img-none' }), errorOf(400, /^image: .*"img-none"/)],
    [post('/vm/start', { ...machine, size: 'none' }), errorOf(400, /^size: .*"none"/)],
    [post('/vm/start/nowhere', machine), errorOf(400, 'No cloud is named "nowhere"')],
    [get('/nodes/nowhere'), errorOf(400, /nowhere/)],
    [put('/vm/stop', {}), errorOf(400, 'node: is required, or hostname')],
    [put('/vm/stop', { node: 'node-00000000' }), errorOf(400, /no node with the id "node-00000000"/)],
    [put('/vm/stop', { hostname: 'web-9' }), errorOf(400, /no node "web-9"/)],
    [put('/vm/stop', { hostname: 'web-1' }), errorOf(409, /2 nodes have the hostname "web-1": node-\w+, node-\w+/)],
    [get('/volumes'), errorOf(400, 'There is no resource volumes')],
    [get('/vm/start/a/b/c'), { status: 404, body: { status: 'error', message: 'Page not found' } }]
  ]
  for (const [answer, expected] of wrong) t.match(await answer, expected)
  t.same(Object.keys((await get('/vm/start/a/b/c')).body), ['status', 'message'])
  t.equal((await get('/nodes')).body.nodes.length, 2)
})

t.test('fw/open and fw/close create and delete a rule of the security group of a node', async (t) => {
  const { app } = await build(t)
  const { post, put } = createV1(app)
  const { body: { nodes: { id } } } = await post('/vm/start', machine)
  const rules = async () => {
    const { security_group_ids: [group] } = (await app.inject(`/api/v2/clouds/default/nodes/${id}`)).json()
    return (await app.inject(`/api/v2/clouds/default/security-groups/${group}`)).json().rules as { port_min: number }[]
  }
  const opened = async () => (await rules()).filter(({ port_min: port }) => port === 8443)
  t.match((await put('/fw/open', { node: id, port: 8443 })).body, {
    status: 'ok', result: /8443\/tcp for 0\.0\.0\.0\/0/
  })
  t.match((await put('/fw/open', { node: id, port: 8443 })), { status: 200 }, 'opened again nothing is added')
  t.match(await opened(), [{ direction: 'ingress', protocol: 'tcp', port_max: 8443 }])
  t.equal((await opened()).length, 1)
  t.match(await put('/fw/close', { node: id, port: 8443 }), { status: 200 })
  t.same(await opened(), [])
  t.match(await put('/fw/close', { node: id, port: 8443 }), errorOf(400, /8443\/tcp .* is not open/))
  t.match(await put('/fw/open', { node: id, port: 0 }), errorOf(400, /port: must be >= 1/))
})

t.test('vm/action assigns a node, vm/status lists it, and release destroys it', async (t) => {
  const { app } = await build(t)
  const { get, post, put } = createV1(app)
  t.same((await get('/vm/status')).body, { status: 'ok', nodes: {} })
  const { body: { nodes: { id } } } = await post('/vm/start', machine)
  const input = { hostname: 'web-1', user: 'ada', vm_type: 'billing' }
  t.same((await put('/vm/action/assign', { ...input, emulate: true })).body, {
    status: 'ok', id_vm: 'web-1', id: 'web-1', result: 'Node web-1 assigned'
  })
  t.same((await get('/vm/status')).body.nodes, {}, 'an emulated request changes nothing')
  const assigned = await put('/vm/action/assign/default', input)
  t.match(assigned.body, { status: 'ok', id_vm: id, id: /^[0-9a-f-]{36}$/, result: `Node ${id} assigned` })
  t.match((await get('/vm/status')).body.nodes, [{ id }])
  t.match((await app.inject('/api/v2/assignments')).json().items, [{ user: 'ada', application: 'billing' }])

  t.match(await put('/vm/action/assign', { ...input, user: 'bob' }), errorOf(409, /assigned to ada/))
  t.match(await put('/vm/action/assign', { hostname: 'web-1' }),
    errorOf(400, /user: is required; vm_type: is required/))
  t.match(await put('/vm/action/release', { node: 'node-00000000' }), errorOf(400, /no node/))
  t.match((await put('/vm/action/release', { node: id, emulate: true })).body, { result: /released and deleted/ })
  t.equal((await get('/nodes')).body.nodes.length, 1)
  t.match((await put('/vm/action/release', { node: id })).body, {
    status: 'ok', id_vm: id, id: assigned.body.id, result: `Node ${id} released and deleted`
  })
  t.same((await get('/nodes')).body.nodes, [])
  t.same((await get('/vm/status')).body.nodes, {})
})

/** A server with users: an administrator, and one who may read `default` only. */
async function withUsers (t: Test, v1 = {}) {
  const clouds = { default: dummy({ nodes: 1 }), secret: dummy({ nodes: 1 }) }
  const { app } = await build(t, { settings: { auth: { anonymous: [{ clouds: ['*'], level: 'read' }] }, v1 }, clouds })
  const users = createUsers(app.store)
  await users.create({ name: 'root', password: 'a password', grants: [{ clouds: ['*'], level: 'admin' }] })
  await users.create({ name: 'reader', password: 'a password', grants: [{ clouds: ['default'], level: 'read' }] })
  const signIn = async (username: string) =>
    (await createV1(app).post('/auth', { username, password: 'a password' })).body.token as string
  return { app, users, signIn }
}

t.test('a token is needed, also if anonymous callers may read', async (t) => {
  const { app, users, signIn } = await withUsers(t)
  const { get, post, put } = createV1(app)
  t.match(await get('/'), { status: 200 })
  t.match(await get('/nodes'), errorOf(403, /no token/))
  t.match(await post('/auth', { username: 'root', password: 'wrong' }), errorOf(403, 'Forbidden'))
  t.match(await post('/auth', { username: 'nobody', password: 'a password' }), errorOf(403, 'Forbidden'))
  t.match(await createV1(app, { 'x-auth-token': 'v1_00' }).get('/nodes'), errorOf(403, /token is not valid/))

  const token = await signIn('root')
  t.match(await createV1(app, { 'x-auth-token': token }).get('/nodes'), { status: 200 })
  t.match(await post('/vm/start', { ...machine, auth_token: token }), { status: 200 }, 'the token may be in the body')
  t.match(await put('/vm/stop', { hostname: 'web-1' }), errorOf(403, /no token/))
  t.match(await get(`/nodes?auth_token=${token}`), errorOf(403, /in the query is not accepted/))

  const authorization = `Bearer ${token}`
  t.match(await app.inject({ url: '/api/v2/nodes', headers: { authorization } }), { statusCode: 401 })
  await users.remove('root')
  await app.close()
})

t.test('each route of v1 needs a token and its level on its cloud, before its input is checked', async (t) => {
  const levels = ['read', 'operate', 'manage', 'admin']
  const needed: Record<string, string> = {
    'POST /vm/start': 'manage',
    'PUT /vm/stop': 'manage',
    'PUT /vm/action/assign': 'operate',
    'PUT /vm/action/release': 'manage',
    'PUT /fw/open': 'manage',
    'PUT /fw/close': 'manage',
    ...Object.fromEntries(
      ['cloud', 'nodes', 'sizes', 'flavors', 'images', 'tenants', 'vm/status'].map((path) => [`GET /${path}`, 'read'])
    )
  }
  const { app } = await build(t, { settings: { auth: {} }, clouds: { default: dummy(), foreign: dummy() } })
  const { paths } = (await app.inject('/openapi-v1.json')).json() as { paths: Record<string, Record<string, object>> }
  const routes = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((key) => {
    const method = key.toUpperCase() as 'GET'
    return { path, method, name: `${method} ${path.replace('/api/v1', '').replace('/{cloud}', '')}` }
  })).filter(({ name }) => !['GET ', 'GET /', 'POST /auth'].includes(name))
  const names = [...new Set(routes.map(({ name }) => name))]
  t.same(names.sort(), Object.keys(needed).sort(), 'this test has a row for each route')

  const users = createUsers(app.store)
  const wrong: string[] = []
  for (const level of [undefined, ...levels]) {
    const headers: Record<string, string> = {}
    if (level !== undefined) {
      const grants = [{ clouds: ['default'], level: level as 'read' }]
      await users.create({ name: level, password: 'a password', grants })
      const { body } = await createV1(app).post('/auth', { username: level, password: 'a password' })
      headers['x-auth-token'] = body.token
    }
    for (const { path, method, name } of routes) {
      const send = async (cloud: string) => {
        const url = path.replace('{cloud}', cloud)
        const { statusCode, body } = await app.inject({ method, url, headers, ...method !== 'GET' && { body: {} } })
        return { status: statusCode, body }
      }
      const own = await send('default')
      const isAllowed = level !== undefined && levels.indexOf(level) >= levels.indexOf(needed[name]!)
      if ((own.status !== 403) !== isAllowed) wrong.push(`${level} ${method} ${path}: ${own.status}`)
      if (level === undefined || !path.includes('{cloud}')) continue
      const [foreign, unknown] = [await send('foreign'), await send('unknown')]
      if (foreign.body.replace('foreign', 'unknown') !== unknown.body || foreign.status !== 400) {
        wrong.push(`${level} ${method} ${path} on a foreign cloud: ${foreign.status} ${foreign.body}`)
      }
    }
  }
  t.same(wrong, [])
})

t.test('a token in the query is accepted if the settings say so', async (t) => {
  const { app, signIn } = await withUsers(t, { query_token: true })
  t.match(await createV1(app).get(`/nodes?auth_token=${await signIn('reader')}`), { status: 200 })
})

t.test('a sign-in ends with a new password, with its user, and with its time', async (t) => {
  const { app, users, signIn } = await withUsers(t)
  // Each token is used once, since the server knows a used token for ten seconds.
  const first = await signIn('reader')
  await users.setPassword('reader', 'a new password')
  t.match(await createV1(app, { 'x-auth-token': first }).get('/nodes'), errorOf(403, /not valid/))
  const second = await signIn('root')
  await users.remove('root')
  t.match(await createV1(app, { 'x-auth-token': second }).get('/nodes'), errorOf(403, /not valid/))
  await users.setPassword('reader', 'a password')
  const third = await signIn('reader')
  await app.store.updateTable('sign_ins').set({ expires_at: '2020-01-01T00:00:00.000Z' }).execute()
  t.match(await createV1(app, { 'x-auth-token': third }).get('/nodes'), errorOf(403, /not valid/))
})

t.test('callers of v1 have their grants and see their clouds only', async (t) => {
  const { app, signIn } = await withUsers(t)
  const { get, post, put } = createV1(app, { 'x-auth-token': await signIn('reader') })
  t.match((await get('/cloud')).body, { served_cloud: [{ name: 'default' }] })
  t.equal((await get('/cloud')).body.served_cloud.length, 1)
  const foreign = await get('/nodes/secret')
  const unknown = await get('/nodes/hidden')
  const renamed = JSON.stringify(foreign.body).replace('secret', 'hidden')
  t.equal(renamed, JSON.stringify(unknown.body), 'no cloud is revealed')
  t.match(await post('/vm/start', machine), errorOf(403, /needs the level manage on the cloud default/))
  t.match(await put('/vm/stop', { hostname: 'node-0001' }), errorOf(403, /manage/))
  t.match(await put('/fw/open', { hostname: 'node-0001', port: 22 }), errorOf(403, /manage/))
  const assign = { hostname: 'node-0001', user: 'ada', vm_type: 'x' }
  t.match(await put('/vm/action/assign', assign), errorOf(403, /needs the level operate/))
  t.match(await put('/vm/action/release', { hostname: 'node-0001' }), errorOf(403, /manage/))
  t.equal((await get('/nodes')).body.nodes.length, 1, 'nothing was done')
})

t.test('the audit has the changes of v1 and their refusals', async (t) => {
  const { app, signIn } = await withUsers(t)
  const { post, put } = createV1(app, { 'x-auth-token': await signIn('root') })
  const { body: { nodes: { id } } } = await post('/vm/start', machine)
  await put('/vm/stop', { node: id })
  await createV1(app, { 'x-auth-token': await signIn('reader') }).put('/vm/stop', { hostname: 'node-0001' })
  const { items } = await app.audit.page({ limit: 10 }, 'test')
  const resource = `/api/v2/clouds/default/nodes/${id}`
  const common = {
    cloud: 'default', caller: { kind: 'user', name: 'root' }, outcome: 'succeeded', resource, operation: String
  }
  t.match(items, [
    { action: 'nodes.destroy', cloud: 'default', caller: { name: 'reader' }, outcome: 'refused' },
    { ...common, action: 'nodes.destroy' },
    { ...common, action: 'nodes.create' }
  ])
})

t.test('v1 says that it is deprecated, has its own document, and can be switched off', async (t) => {
  const { app } = await build(t, { settings: { v1: { sunset: '2030-12-31' } } })
  const { headers } = await createV1(app).get('/')
  t.match(headers, { deprecation: /^@\d+$/, sunset: 'Tue, 31 Dec 2030 00:00:00 GMT', link: /successor-version/ })
  const document = (await app.inject('/openapi-v1.json')).json()
  t.match(document.paths['/api/v1/vm/stop/{cloud}'].put, {
    deprecated: true, description: /\*\*This destroys the node/
  })
  t.notOk(Object.keys((await app.inject('/openapi.json')).json().paths).some((path) => path.startsWith('/api/v1')))
  t.match((await app.inject('/docs/v1')).body, /swagger-ui/)

  const { app: without } = await build(t, { settings: { v1: { enabled: false } } })
  t.equal((await without.inject('/api/v1/')).statusCode, 404)
})

t.test('docs/v1-calls.sh calls every route with curl', async (t) => {
  const { origin } = await build(t, { listen: true })
  const { stdout } = await promisify(execFile)('bash', [path.join(root, 'docs/v1-calls.sh'), origin])
  t.match(stdout, /All answers are as expected\.\n$/)
})
