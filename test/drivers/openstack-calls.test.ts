import t from 'tap'
import { capabilitiesOf } from '../../drivers/driver.ts'
import { ProblemError, toProblem } from '../../openapi/model/index.ts'
import {
  action, auth, id, input, list, plain, query, refused, server, start, type Answer, type FakeRequest
} from './openstack-fake.ts'

t.test('all waiting calls share one token; only Nova\'s versions are read', async (t) => {
  const { nodes, cloud, call, of, asked } = await start(t, { 'GET /image/v2/images': { body: { images: [] } } })
  await Promise.all(Array.from({ length: 20 }, () => nodes.list(query, call())))
  t.equal(of(auth).length, 1)
  t.equal(of('GET /compute/v2.1/').length, 1)
  await cloud.images.list(query, call())
  for (const { path, headers } of asked) {
    t.equal(headers['openstack-api-version'], path.endsWith('/detail') ? 'compute 2.9' : undefined, path)
    t.equal(headers['x-openstack-nova-api-version'], path.endsWith('/detail') ? '2.9' : undefined)
    t.equal(headers['x-auth-token'], path.endsWith('/tokens') ? undefined : 'token-1')
  }
  t.equal(cloud.location, 'R')
})

t.test('an authentication survives the abort of the call that began it', async (t) => {
  const { nodes, call, of } = await start(t)
  const first = call()
  const early = refused(nodes.list(query, first))
  const others = [nodes.list(query, call()), nodes.list(query, call())]
  first.abort(new ProblemError('shutting_down', 'gone'))
  t.match(await early, { code: 'shutting_down', outcomeUnknown: false })
  await Promise.all(others)
  t.equal(of(auth).length, 1)
})

t.test('a refused token is renewed once, and every call is repeated, also a change', async (t) => {
  let valid = 'token-1'
  const guarded = (answer: Answer) => ({ headers }: FakeRequest) => headers['x-auth-token'] === valid
    ? answer
    : {
        status: 401,
        body: '<html>401</html>'
      }
  const { nodes, call, of } = await start(t, {
    [list]: guarded({ body: { servers: [server] } }),
    [action]: guarded({ status: 202 })
  })
  await nodes.list(query, call())
  valid = 'token-2'
  const [page, change] = await Promise.all([
    nodes.list(query, call()),
    nodes.stop(id, {}, call()),
    nodes.list(query, call())
  ])
  t.equal(page.items.length, 1)
  t.match(change, { resources: [{ kind: 'node', id }], until: { states: ['stopped'] } })
  t.equal(of(auth).length, 2)
  t.strictSame(of(action).map(({ body }) => body), [{ 'os-stop': null }, { 'os-stop': null }])
  valid = 'token-3'
  await nodes.list(query, call())
  t.equal(of(auth).length, 3, 'a token that worked is renewed at once when it is refused')
})

t.test('a service that refuses every token does not cause an authentication for each call', async (t) => {
  const { nodes, call, of } = await start(t, {
    [list]: { status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'no' } } }
  })
  t.match(await refused(nodes.list(query, call())), { code: 'provider_auth_failed' })
  for (let i = 0; i < 5; i++) {
    t.equal(
      (await refused(nodes.stop(id, {}, call()).then(() => nodes.list(query, call())))).code,
      'resource_not_found'
    )
  }
  t.ok(of(auth).length <= 3)
})

t.test('a credential error is replayed for some seconds', async (t) => {
  const { cloud, nodes, call, of, routes, logged } = await start(t, {
    [auth]: { status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'no' } } }
  })
  const problem = await refused(cloud.check(call()))
  t.match(problem, {
    code: 'provider_auth_failed',
    details: { provider_error: { code: 'Unauthorized', message: 'no' } }
  })
  const codes = await Promise.all(
    Array.from({ length: 50 }, async () => (await refused(nodes.list(query, call()))).code)
  )
  t.strictSame(new Set(codes), new Set(['provider_auth_failed']))
  t.equal(of(auth).length, 1)
  t.notMatch(logged.join() + JSON.stringify(toProblem(problem)), /topsecret/)
  delete routes[auth]
  cloud.refresh()
  t.match(await refused(cloud.check(call())), {
    code: 'provider_unavailable',
    details: { hint: /auth_url/, retryable: false }
  })
  t.equal(of(auth).length, 2)
})

t.test('a token without a project is an error', async (t) => {
  const { cloud, call } = await start(t, {
    [auth]: { status: 201, body: { token: { methods: ['password'] } }, headers: { 'x-subject-token': 'x' } }
  })
  t.match(await refused(cloud.check(call())), { code: 'provider_auth_failed', details: { hint: /project/ } })
})

t.test('no token is in a log line', async (t) => {
  const { nodes, call, logged } = await start(t, {
    [list]: { status: 500, body: { computeFault: { code: 500, message: 'x' } } }
  })
  await refused(nodes.list(query, call()))
  t.match(logged.join(), /servers\/detail/)
  t.notMatch(logged.join(), /token-1|topsecret/)
})

t.test('an early renewal runs in the background, and its failure has no effect', async (t) => {
  let now = 0
  const real = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => real() + now })
  const { nodes, call, of, routes } = await start(t)
  await nodes.list(query, call())
  routes[auth] = { status: 503 }
  now = 3590_000
  await nodes.list(query, call())
  t.ok(of(auth).length >= 1)
  now = 3700_000
  t.equal((await refused(nodes.list(query, call()))).code, 'provider_unavailable')
})

t.test('a cloud without microversions gets none, and lacks the features that need one', async (t) => {
  const { nodes, cloud, call, of } = await start(t, { 'GET /compute/v2.1/': { status: 404 } })
  t.ok(capabilitiesOf(cloud)['nodes.update']!.parameters.includes('protected'), 'until it is known')
  await nodes.list(query, call())
  t.equal(of(list)[0]!.headers['openstack-api-version'], undefined)
  t.strictSame(capabilitiesOf(cloud)['nodes.update']!.parameters, ['name', 'tags'])
  const described = { ...input, provider_options: { openstack: { description: 'x' } } }
  t.equal((await refused(nodes.create(described, call()))).code, 'not_supported')
})

t.test('a page reads all its ports in one call, and has the markers of the next page', async (t) => {
  const servers = [1, 2, 3, 4].map(
    (n) => ({
      ...server,
      id: `s${n}`,
      addresses: { n: [{ addr: '10.0.0.1', version: 4, 'OS-EXT-IPS-MAC:mac_addr': `m${n}` }] }
    })
  )
  const port = (n: number) => ({
    id: `p${n}`,
    device_id: `s${n}`,
    network_id: 'net',
    mac_address: `m${n}`,
    security_groups: ['sg']
  })
  const { nodes, call, of } = await start(t, {
    [list]: {
      body: {
        servers,
        servers_links: [{ rel: 'next', href: 'http://elsewhere/v2.1/servers/detail?limit=4&marker=s4' }]
      }
    },
    'GET /network/v2.0/ports': ({ query: asked }) => asked.get('marker') === 'p1'
      ? { body: { ports: [port(2)] } }
      : { body: { ports: [port(1)], ports_links: [{ rel: 'next', href: 'http://x/?marker=p1' }] } }
  })
  const page = await nodes.list({ ...query, limit: 4, filters: { state: ['running'], size_id: ['1'] } }, call())
  t.equal(page.next, 's4,s3,s2')
  const parameters = [...of(list)[0]!.query].map(([name]) => name)
  t.strictSame(parameters, ['status', 'status', 'limit'], 'Nova would miss servers of deleted sizes')
  t.match(page.items.map(({ security_group_ids: groups, addresses }) => [groups, addresses[0]!.nic_id]), [
    [['sg'], 'p1'],
    [['sg'], 'p2'],
    [[], null],
    [[], null]
  ])
  const [first] = of('GET /network/v2.0/ports')
  t.strictSame(first!.query.getAll('device_id'), ['s1', 's2', 's3', 's4'])
  t.strictSame(of(list)[0]!.query.getAll('status'), ['ACTIVE', 'VERIFY_RESIZE'])
})

t.test('a long page reads its ports by the hundred', async (t) => {
  const servers = Array.from({ length: 250 }, (_, n) => ({ ...server, id: `${id}${n}` }))
  const { nodes, call, of } = await start(t, { [list]: { body: { servers } } })
  t.equal((await nodes.list({ ...query, limit: 1000 }, call())).items.length, 250)
  t.strictSame(of('GET /network/v2.0/ports').map((asked) => asked.query.getAll('device_id').length).sort(), [
    100, 100, 50
  ])
})

t.test('nodes are listed without ports if the ports cannot be read', async (t) => {
  const { nodes, call } = await start(t, {
    'GET /network/v2.0/ports': { status: 403, body: { NeutronError: { type: 'Forbidden', message: 'no' } } }
  })
  const page = await nodes.list(query, call())
  t.match(page.partial, { code: 'provider_permission_denied' })
  t.match(page.items, [{ security_group_ids: null }])
  t.equal((await nodes.get(id, plain, call())).security_group_ids, null)
})

t.test('a page begins at the same place after the last node of the page before was deleted', async (t) => {
  const there = new Set(['s2'])
  const { nodes, call, of } = await start(t, {
    [list]: ({ query: asked }) => there.has(asked.get('marker') ?? '')
      ? { body: { servers: [] } }
      : { status: 400, body: { badRequest: { code: 400, message: `marker [${asked.get('marker')}] not found` } } }
  })
  const { items, next } = await nodes.list({ ...query, token: 's4,s3,s2' }, call())
  t.strictSame({ items, next }, { items: [], next: null })
  t.strictSame(of(list).map((asked) => asked.query.get('marker')), ['s4', 's3', 's2'])
  there.clear()
  t.match(await refused(nodes.list({ ...query, token: 's4' }, call())), { code: 'invalid_request' })
})

t.test('after an empty success the outcome of a change is unknown', async (t) => {
  const { nodes, call, routes } = await start(t)
  for (const body of [undefined, {}, { server: {} }, [], 'null']) {
    routes['POST /compute/v2.1/servers'] = { status: 202, body }
    t.match(
      await refused(nodes.create(input, call())),
      { code: 'provider_error', outcomeUnknown: true },
      JSON.stringify(body)
    )
  }
  for (const body of [undefined, {}, { servers: {} }, [], 'null']) {
    routes[list] = { body }
    t.match(
      await refused(nodes.list(query, call())),
      { code: 'provider_error', outcomeUnknown: false },
      JSON.stringify(body)
    )
  }
  routes[`GET /compute/v2.1/servers/${id}`] = { body: { server: [] } }
  t.match(await refused(nodes.get(id, plain, call())), { code: 'provider_error', outcomeUnknown: false })
})

t.test('an error is recognized in every wrapping', async (t) => {
  const { nodes, call, routes } = await start(t)
  const says = (message: string) => ({ fault: { code: 0, message } })
  for (const [status, body, wanted, headers] of [
    [400, says('x'), { code: 'provider_rejected' }],
    [403, says('Policy does not allow'), { code: 'provider_permission_denied' }],
    [403, says('Quota exceeded for instances: Requested 1'), { code: 'provider_quota_exceeded' }],
    [403, says('Maximum number of metadata items exceeds 128'), { code: 'provider_quota_exceeded' }],
    [
      404,
      { itemNotFound: { message: 'gone' } },
      { code: 'resource_not_found', details: { provider_error: { code: 'itemNotFound', message: 'gone' } } }
    ],
    [406, says('Version 2.999 is not supported'), { code: 'not_supported' }],
    [409, says('Instance x is locked'), { code: 'protected' }],
    [
      409,
      says("Cannot 'stop' instance x while it is in vm_state stopped"),
      { code: 'invalid_state', details: { state: 'running' } }
    ],
    [409, { NeutronError: { type: 'OverQuota', message: 'x' } }, { code: 'provider_quota_exceeded' }],
    [409, { NeutronError: { type: 'PortInUse', message: 'x' } }, { code: 'in_use' }],
    [409, says('Key pair already exists'), { code: 'already_exists' }],
    [413, { overLimit: { message: 'Quota exceeded' } }, { code: 'provider_quota_exceeded' }, { 'retry-after': '0' }],
    [
      413,
      { overLimit: { message: 'This request was rate-limited.' } },
      { code: 'provider_rate_limited', details: { retry_after: 7 } },
      { 'retry-after': '7' }
    ],
    [
      429,
      undefined,
      { code: 'provider_rate_limited', outcomeUnknown: false, details: { retry_after: 3 } },
      { 'retry-after': '3' }
    ],
    [500, { computeFault: { message: 'x' } }, { code: 'provider_error', outcomeUnknown: true }],
    [501, says('x'), { code: 'not_supported' }],
    [502, '<html>', { code: 'provider_unavailable', outcomeUnknown: true }],
    [503, undefined, { code: 'provider_unavailable', outcomeUnknown: false }],
    [504, '<html>', { code: 'provider_timeout', outcomeUnknown: true }],
    [
      404,
      { message: 'No image<br />\n', code: '404 Not Found', title: 'Not Found' },
      { details: { provider_error: { code: 'Not Found', message: 'No image' } } }
    ],
    [404, { faultcode: 'Client', faultstring: 'x' }, { details: { provider_error: { code: 'Client', message: 'x' } } }],
    [404, { NeutronError: 'x' }, { details: { provider_error: { code: 'NeutronError', message: 'x' } } }],
    [
      404,
      '<html>',
      { details: { provider_error: { code: '404', message: null, request_id: 'req-1' } } },
      { 'x-compute-request-id': 'req-1' }
    ]
  ] as ReadonlyArray<readonly [number, unknown, object, Record<string, string>?]>) {
    routes[action] = { status, body, headers: headers ?? {} }
    t.match(await refused(nodes.stop(id, {}, call())), wanted, `${status} ${JSON.stringify(body)}`)
  }
})

t.test('an id cannot change the path of a call', async (t) => {
  const { cloud, call, asked } = await start(t)
  for (const odd of ['..', '.', 'a/b', '../images', '\ud800']) {
    t.equal(
      (await refused(cloud.sizes.get(odd, plain, call()))).code,
      'resource_not_found',
      odd
    )
  }
  asked.length = 0
  for (const [odd, path] of [['a b', 'a%20b'], ['ü?x=1#y', '%C3%BC%3Fx%3D1%23y'], ['%2e%2e', '%252e%252e']] as const) {
    await refused(cloud.sizes.get(odd, plain, call()))
    t.equal(asked.at(-1)!.path, `/compute/v2.1/flavors/${path}`)
  }
  t.notOk(cloud.ids['nodes']!.test('nope'))
  t.notOk(cloud.ids['sizes']!.test('a\u0000b'))
  t.ok(cloud.ids['sizes']!.test('performance1-1 (ü)'))
})

t.test('images, sizes and locations are listed', async (t) => {
  const { cloud, call, of } = await start(t, {
    'GET /image/v2/images': { body: { images: [{ id: 'i', status: 'active' }], next: '/v2/images?limit=1&marker=i' } },
    'GET /image/v2/images/i': { body: { id: 'i', status: 'killed' } },
    'GET /compute/v2.1/flavors/detail': { body: { flavors: [{ id: '1', swap: '' }] } },
    'GET /compute/v2.1/flavors/1': { body: { flavor: { id: '1', name: 'm1' } } },
    'GET /compute/v2.1/os-availability-zone': {
      body: { availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }] }
    }
  })
  const filters = { name: ['x'], state: ['available'] }
  t.match(await cloud.images.list({ ...query, limit: 1, filters }, call()), {
    items: [{ state: 'available' }],
    next: 'i'
  })
  t.strictSame(Object.fromEntries(of('GET /image/v2/images')[0]!.query), { name: 'x', status: 'active', limit: '1' })
  await cloud.images.list({ ...query, filters: { name: ['in:a,b'], state: ['error'] } }, call())
  t.strictSame(Object.fromEntries(of('GET /image/v2/images')[1]!.query), { limit: '100' })
  t.match(await cloud.images.get('i', plain, call()), { state: 'error' })
  t.match(await cloud.sizes.list(query, call()), { items: [{ id: '1', swap: 0 }], next: null })
  t.match(await cloud.sizes.get('1', plain, call()), { name: 'm1' })
  t.match(await cloud.locations.list(query, call()), {
    items: [{ id: 'R', kind: 'region' }, { id: 'nova', kind: 'zone', parent: 'R' }]
  })
  t.match(await cloud.locations.get('nova', plain, call()), { available: true })
  t.match(await refused(cloud.locations.get('x', plain, call())), { code: 'resource_not_found' })
})
