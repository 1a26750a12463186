import t from 'tap'
import type { NodeService } from '../../drivers/driver.ts'
import type { NodeCreate } from '../../openapi/model/index.ts'
import { action, id, input, list, plain, refused, server, start, type Asked } from './openstack-fake.ts'

t.test("a create sends Nova's fields and the id of the operation", async (t) => {
  const { nodes, call, of } = await start(t, {
    'POST /compute/v2.1/servers': { status: 202, body: { server: { id, adminPass: 'pw' } } }
  })
  const change = await nodes.create(
    {
      ...input,
      availability_zone: 'nova',
      key_pair_name: 'key',
      user_data: '#!ü',
      networks: [{ network_id: 'net', fixed_ip: '10.0.0.9' }],
      security_group_ids: ['sg'],
      tags: { env: 'prod' },
      provider_options: { openstack: { config_drive: true, disk_config: 'AUTO', scheduler_hints: { group: 'g' } } }
    },
    call({ operation: 'op-1' })
  )
  t.strictSame(change, {
    resources: [{ kind: 'node', id }],
    until: { states: ['running'] },
    secrets: { admin_password: 'pw' }
  })
  const [{ body, headers }] = of('POST /compute/v2.1/servers') as [Asked]
  t.strictSame(body, {
    server: {
      name: 'web',
      imageRef: 'img',
      flavorRef: '1',
      metadata: { env: 'prod', 'orchestrator:operation': 'op-1' },
      availability_zone: 'nova',
      key_name: 'key',
      user_data: Buffer.from('#!ü').toString('base64'),
      networks: [{ uuid: 'net', fixed_ip: '10.0.0.9' }],
      security_groups: [{ name: 'sg' }],
      config_drive: true,
      'OS-DCF:diskConfig': 'AUTO'
    },
    'os:scheduler_hints': { group: 'g' }
  })
  t.equal(headers['openstack-api-version'], undefined)
  await nodes.create({ ...input, provider_options: { openstack: { description: 'd' } } }, call())
  t.match(of('POST /compute/v2.1/servers')[1], {
    headers: { 'openstack-api-version': 'compute 2.19' },
    body: { server: { description: 'd' } }
  })
})

t.test('input that Nova would refuse is refused without a call', async (t) => {
  const { nodes, call, asked } = await start(t)
  const pointers = async (more: Partial<NodeCreate>) => {
    const { details } = await refused(nodes.create({ ...input, ...more }, call()))
    return details.errors?.map(({ pointer }) => pointer)
  }
  t.strictSame(await pointers({ tags: { 'orchestrator:operation': 'x', 'a/b': 'y' } }), [
    '/tags/orchestrator:operation',
    '/tags/a~1b'
  ])
  t.strictSame(await pointers({ networks: [{ fixed_ip: '10.0.0.9' }] }), ['/networks/0/network_id'])
  t.strictSame(await pointers({ networks: [{ network_id: 'n', fixed_ip: 'x' }] }), ['/networks/0/fixed_ip'])
  t.strictSame(await pointers({ networks: [{ subnet_id: 's' }], count: 2 }), ['/count'])
  t.equal(asked.length, 0)
})

t.test('a refusal of a create points to the field', async (t) => {
  const { nodes, call, routes } = await start(t)
  for (const [status, message, pointer] of [
    [400, 'Can not find requested image', '/image_id'],
    [400, 'Flavor nope could not be found.', '/size_id'],
    [400, "Flavor's disk is too small for requested image.", '/size_id'],
    [400, 'Invalid key_name provided.', '/key_pair_name'],
    [400, 'The requested availability zone is not available', '/availability_zone'],
    [400, "Unable to find security_group with name or id 'x'", '/security_group_ids'],
    [400, 'Network x could not be found.', '/networks'],
    [409, 'Multiple possible networks found, use a Network ID to be more specific.', '/networks'],
    [403, 'Only volume-backed servers are allowed for flavors with zero disk.', '/size_id']
  ] as const) {
    routes['POST /compute/v2.1/servers'] = { status, body: { fault: { code: status, message } } }
    t.match(
      await refused(nodes.create(input, call())),
      { code: 'validation_failed', details: { errors: [{ in: 'body', pointer, message }] } },
      message
    )
  }
  routes['POST /compute/v2.1/servers'] = { status: 400, body: { badRequest: { message: 'Something else' } } }
  t.match(await refused(nodes.create(input, call())), { code: 'provider_rejected' })
})

t.test('each verb sends one action to Nova and returns its end', async (t) => {
  const { nodes, call, routes, of } = await start(t, {
    [action]: { status: 202 },
    [`DELETE /compute/v2.1/servers/${id}`]: { status: 204 }
  })
  const verbs: ReadonlyArray<readonly [keyof NodeService, object, object, object]> = [
    ['start', {}, { 'os-start': null }, { states: ['running'] }],
    ['stop', {}, { 'os-stop': null }, { states: ['stopped'] }],
    ['reboot', {}, { reboot: { type: 'SOFT' } }, { states: ['running'] }],
    ['reboot', { type: 'hard' }, { reboot: { type: 'HARD' } }, { states: ['running'] }],
    ['pause', {}, { pause: null }, { states: ['paused'] }],
    ['suspend', {}, { suspend: null }, { states: ['suspended'] }],
    ['shelve', {}, { shelve: null }, { states: ['suspended'], provider_states: ['SHELVED', 'SHELVED_OFFLOADED'] }],
    ['rescue', {}, { rescue: null }, { states: ['rescued'] }],
    ['rescue', { image_id: 'i' }, { rescue: { rescue_image_ref: 'i' } }, { states: ['rescued'] }],
    ['unrescue', {}, { unrescue: null }, { states: ['running'] }],
    [
      'resize',
      { size_id: '2' },
      { resize: { flavorRef: '2' } },
      { states: ['running'], provider_states: ['VERIFY_RESIZE'] }
    ],
    [
      'confirm_resize',
      {},
      { confirmResize: null },
      { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }
    ],
    [
      'revert_resize',
      {},
      { revertResize: null },
      { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }
    ],
    [
      'rebuild',
      { image_id: 'i' },
      { rebuild: { imageRef: 'i' } },
      { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }
    ],
    ['restore', {}, { restore: null }, { states: ['running', 'stopped'], provider_states: ['ACTIVE', 'SHUTOFF'] }]
  ]
  for (const [verb, given, body, until] of verbs) {
    const change = await (nodes[verb] as NodeService['stop'])!(id, given, call())
    t.strictSame(change, { resources: [{ kind: 'node', id }], until, secrets: undefined }, verb)
    t.strictSame(of(action).at(-1)!.body, body)
  }
  t.strictSame(await nodes.destroy(id, call()), {
    resources: [{ kind: 'node', id }],
    until: { states: [], gone: true }
  })

  routes[action] = { body: { adminPass: 'a' } }
  t.match(await nodes.rescue(id, {}, call()), { secrets: { admin_password: 'a' } })
  routes[action] = { status: 202, body: { server: { adminPass: 'b' } } }
  t.match(await nodes.rebuild(id, { image_id: 'i' }, call()), { secrets: { admin_password: 'b' } })
})

t.test('resume sends the action for the status of the node', async (t) => {
  const { nodes, call, routes, of } = await start(t, { [action]: { status: 202 } })
  for (const [status, name] of [
    ['PAUSED', 'unpause'],
    ['SUSPENDED', 'resume'],
    ['SHELVED', 'unshelve'],
    ['SHELVED_OFFLOADED', 'unshelve']
  ] as const) {
    routes[`GET /compute/v2.1/servers/${id}`] = { body: { server: { ...server, status } } }
    t.match(await nodes.resume(id, {}, call()), { until: { states: ['running'] } })
    t.strictSame(of(action).at(-1)!.body, { [name]: null })
  }
  routes[`GET /compute/v2.1/servers/${id}`] = { body: { server: { ...server, status: 'SHUTOFF' } } }
  t.match(await refused(nodes.resume(id, {}, call())), {
    code: 'invalid_state',
    details: {
      state: 'stopped',
      allowed_actions: ['start', 'reboot', 'shelve', 'rescue', 'resize', 'rebuild', 'destroy']
    }
  })
})

t.test('an update makes only the calls that it needs, in the order that a lock allows', async (t) => {
  const metadata = `/compute/v2.1/servers/${id}/metadata`
  const { nodes, call, asked, routes } = await start(t, {
    [action]: { status: 202 },
    [`PUT /compute/v2.1/servers/${id}`]: { body: { server } },
    [`POST ${metadata}`]: { body: { metadata: {} } },
    [`GET ${metadata}`]: { body: { metadata: { 'orchestrator:operation': 'op', old: '1', env: 'dev' } } },
    [`PUT ${metadata}`]: { body: { metadata: {} } }
  })
  await nodes.get(id, plain, call())
  const changes = async (patch: object) => {
    asked.length = 0
    const node = await nodes.update(id, patch, call())
    t.equal(node.id, id)
    return asked
      .filter(({ method, path }) => method !== 'GET' || path === metadata)
      .map(({ method, path, body }) => [method, path.split('/').pop(), body])
  }
  t.strictSame(await changes({ protected: true, name: 'new', tags: { env: 'prod' } }), [
    ['PUT', id, { server: { name: 'new' } }],
    ['POST', 'metadata', { metadata: { env: 'prod' } }],
    ['POST', 'action', { lock: null }]
  ])
  t.strictSame(await changes({ protected: false, tags: { env: 'prod', old: null } }), [
    ['POST', 'action', { unlock: null }],
    ['GET', 'metadata', undefined],
    ['PUT', 'metadata', { metadata: { 'orchestrator:operation': 'op', env: 'prod' } }]
  ])
  routes[`POST ${metadata}`] = {
    status: 409,
    body: { conflictingRequest: { code: 409, message: `Instance ${id} is locked` } }
  }
  t.match(await refused(nodes.update(id, { name: 'new', tags: { a: 'b' } }, call())), {
    code: 'protected',
    message: /already applied: name/
  })
  asked.length = 0
  t.match(await refused(nodes.update(id, { tags: { 'orchestrator:operation': null } }, call())), {
    code: 'validation_failed'
  })
  t.equal(asked.length, 0)
})

t.test('a create whose answer was lost is found by its operation', async (t) => {
  const made = { ...server, id: 's2', metadata: { 'orchestrator:operation': 'op-1' } }
  const { nodes, call, of } = await start(t, {
    [list]: ({ query: asked }) =>
      asked.get('marker') === null
        ? { body: { servers: [server], servers_links: [{ rel: 'next', href: '?marker=s1' }] } }
        : { body: { servers: [made] } }
  })
  const since = new Date('2026-01-01T00:10:00Z')
  t.strictSame(await nodes.findCreated({ id: 'op-1', input: { ...input, name: 'a.b' } }, since, call()), [
    { kind: 'node', id: 's2' }
  ])
  t.strictSame(Object.fromEntries(of(list)[0]!.query), {
    name: '^a.b$',
    'changes-since': '2026-01-01T00:05:00.000Z',
    limit: '1000'
  })
  t.strictSame(await nodes.findCreated({ id: 'op-2', input }, since, call()), [])
})
