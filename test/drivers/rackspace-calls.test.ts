import t from 'tap'
import { capabilitiesOf } from '../../drivers/driver.ts'
import { flavors, publicNet, serviceNet } from '../labs/rackspace/state.ts'
import { none, plain, query, refused, start, walk } from './rackspace-cloud.ts'

t.test('pages of the cloud are followed, of any size', async (t) => {
  const { fake, cloud, nodes, call, node } = await start(t, { behaviour: { pageSize: 2 } })
  const made = []
  for (let i = 0; i < 5; i++) made.push(await node({ name: `web-${i}` }))
  const ids = (pages: Array<Array<{ id: string }>>) =>
    pages
      .flat()
      .map(({ id }) => id)
      .sort()
  for (const limit of [1, 2, 1000]) {
    t.same(ids(await walk(nodes, call, limit)), [...made].sort(), `nodes by ${limit}`)
    t.same(
      ids(await walk(cloud.images, call, limit)),
      fake
        .state()
        .images.map(({ id }) => id)
        .sort(),
      `images by ${limit}`
    )
    t.same(ids(await walk(cloud.sizes, call, limit)), flavors.map(({ id }) => id).sort(), `sizes by ${limit}`)
  }
  t.equal(fake.asked('GET /servers/detail').at(-1)!.query.has('marker'), true)
})

t.test('a page begins at the same place after the last node of the page before was deleted', async (t) => {
  const { nodes, call, node, fake } = await start(t)
  const made = [await node(), await node(), await node()].reverse()
  const { next } = await nodes.list({ ...query, limit: 2 }, call())
  await nodes.destroy(made[1]!, call())
  fake.state().settle()
  t.same(
    (await nodes.list({ ...query, token: next }, call())).items.map(({ id }) => id),
    [made[2]]
  )
})

t.test('volumes are listed without a limit, because the cloud would not return the rest', async (t) => {
  const { fake, cloud, call } = await start(t)
  for (let i = 0; i < 4; i++) await cloud.volumes.create({ name: `data-${i}`, size: 75 }, call())
  const page = await cloud.volumes.list({ ...query, limit: 1 }, call())
  t.match([page.items.length, page.next], [4, null])
  t.notOk(fake.asked('GET /volumes/detail')[0]!.query.has('limit'))
  const named = await cloud.volumes.list({ ...query, filters: { name: ['data-2'], state: ['available'] } }, call())
  t.equal(named.items.length, 1)
  t.notOk(fake.asked('GET /volumes/detail').at(-1)!.query.has('status'), 'Cinder v1 filters by name only')
  t.equal(fake.asked('GET /volumes/detail').at(-1)!.query.get('display_name'), 'data-2')
})

t.test('statuses that only Rackspace has are mapped; unknown ones are unknown', async (t) => {
  const { fake, nodes, call, node } = await start(t)
  const id = await node()
  const [server] = fake.state().servers
  for (const [status, state, transitioning] of [
    ['QUEUE_RESIZE', 'reconfiguring', true],
    ['PREP_RESIZE', 'reconfiguring', true],
    ['RESIZE', 'reconfiguring', true],
    ['PASSWORD', 'reconfiguring', true],
    ['SHARE_IP', 'reconfiguring', true],
    ['SHARE_IP_NO_CONFIG', 'reconfiguring', true],
    ['DELETE_IP', 'reconfiguring', true],
    ['MIGRATING', 'migrating', true],
    ['VERIFY_RESIZE', 'running', false],
    ['SHUTOFF', 'stopped', false],
    ['SUSPENDED', 'suspended', false],
    ['ERROR', 'error', false],
    ['UNKNOWN', 'unknown', false],
    ['REFUELING', 'unknown', false]
  ] as const) {
    server!.stage = { status }
    t.match(await nodes.get(id, plain, call()), { state, transitioning, provider_state: status }, status)
  }
  server!.stage = { status: 'ACTIVE', task: 'resize_prep' }
  t.match(await nodes.get(id, plain, call()), {
    state: 'reconfiguring',
    provider_task_state: 'resize_prep',
    allowed_actions: ['destroy']
  })
})

t.test('allowed_actions of a node are those that Rackspace supports', async (t) => {
  const { fake, cloud, nodes, call, node } = await start(t)
  const id = await node()
  const actions = async () => [...(await nodes.get(id, plain, call())).allowed_actions].sort()
  t.same(await actions(), ['destroy', 'reboot', 'rebuild', 'rescue', 'resize', 'stop'])
  fake.state().servers[0]!.stage = { status: 'SHUTOFF' }
  t.same(await actions(), ['destroy', 'reboot', 'rebuild', 'rescue', 'resize', 'start'])
  fake.state().servers[0]!.stage = { status: 'SUSPENDED' }
  t.same(await actions(), ['destroy', 'reboot'])
  const methods = Object.keys(capabilitiesOf(cloud))
  for (const lacking of [
    'nodes.pause',
    'nodes.suspend',
    'nodes.shelve',
    'nodes.restore',
    'nodes.add_security_group',
    'networks.update',
    'volumes.extend'
  ]) {
    t.notOk(methods.includes(lacking), lacking)
  }
})

t.test('a size that cannot be stopped is not_supported; a wrong state is invalid_state', async (t) => {
  const { nodes, call, node } = await start(t)
  const metal = await node({ size_id: 'onmetal-compute1' })
  t.match(await refused(nodes.stop(metal, {}, call())), {
    code: 'not_supported',
    message: /of this size: There is no such action: os-stop/,
    details: { capability: 'nodes.stop', hint: /sizes/ }
  })
  const id = await node()
  t.match(await nodes.stop(id, {}, call()), { resources: [{ kind: 'node', id }], until: { states: ['stopped'] } })
  t.match(await refused(nodes.stop(id, {}, call())), { code: 'invalid_state', details: { state: 'stopped' } })
  t.equal((await refused(nodes.start(none, {}, call()))).code, 'resource_not_found')
})

t.test('a create sends all fields and returns the password once', async (t) => {
  const { fake, cloud, nodes, call, input } = await start(t)
  const network = await cloud.networks.create({ name: 'back', cidr: '192.168.3.0/24' }, call())
  await cloud.key_pairs.create({ name: 'me' }, call())
  const change = await nodes.create(
    {
      ...input,
      key_pair_name: 'me',
      user_data: '#cloud-config',
      networks: [{ network_id: publicNet }, { network_id: network.id }],
      tags: { env: 'test' },
      provider_options: { rackspace: { config_drive: true, disk_config: 'MANUAL' } }
    },
    call({ operation: none })
  )
  t.match(change, { secrets: { admin_password: /^.{10,}/ }, until: { states: ['running'] } })
  t.strictSame(fake.asked('POST /servers')[0]!.body, {
    server: {
      name: 'web',
      imageRef: input.image_id,
      flavorRef: 'performance1-1',
      metadata: { env: 'test', 'orchestrator:operation': none },
      key_name: 'me',
      user_data: Buffer.from('#cloud-config').toString('base64'),
      networks: [{ uuid: publicNet }, { uuid: network.id }],
      config_drive: true,
      'OS-DCF:diskConfig': 'MANUAL'
    }
  })
  fake.state().settle()
  const node = await nodes.get(change.resources[0]!.id, { extra: true }, call())
  t.match(node, {
    key_pair_name: 'me',
    security_group_ids: null,
    protected: null,
    tags: { env: 'test' },
    public_ips: [String, String],
    private_ips: [/^192\.168\.3\./]
  })
  t.notMatch(JSON.stringify(node), /adminPass|orchestrator:operation/)
  t.equal(
    (await nodes.rescue(node.id, {}, call())).secrets?.['admin_password']?.length! > 8,
    true,
    'a rescue has one too'
  )
})

t.test('a node without networks in its create is on PublicNet and ServiceNet, and has their NICs', async (t) => {
  const { cloud, nodes, call, node } = await start(t)
  const id = await node()
  const nics = await nodes.list_nics(id, call())
  t.same(
    nics.map(({ network_id: network }) => network),
    [publicNet, serviceNet]
  )
  t.match(nics[0], {
    mac: /^BC:76:4E/,
    addresses: [
      { version: 6, scope: 'public', kind: 'fixed', network_id: publicNet, nic_id: nics[0]!.id },
      { version: 4, scope: 'public' }
    ]
  })
  t.match(nics[1]!.addresses, [{ version: 4, scope: 'private' }])

  const { id: network } = await cloud.networks.create({ name: 'back', cidr: '192.168.4.0/24' }, call())
  await nodes.attach_nic(id, { network_id: network }, call())
  t.match(await refused(nodes.attach_nic(id, { network_id: network }, call())), { code: 'already_exists' })
  t.match(await refused(nodes.attach_nic(id, { network_id: none }, call())), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/network_id' }] }
  })
  t.match(await refused(cloud.networks.destroy(network, call())), { code: 'in_use' })
  const nic = (await nodes.list_nics(id, call())).find((one) => one.network_id === network)!
  await nodes.detach_nic(id, nic.id, call())
  t.equal((await refused(nodes.detach_nic(id, nic.id, call()))).code, 'resource_not_found')
  await cloud.networks.destroy(network, call())
})

t.test('networks are PublicNet, ServiceNet and isolated ones; refusals point to fields', async (t) => {
  const { fake, cloud, call } = await start(t, { behaviour: { quotas: { networks: 1 } } })
  t.match((await cloud.networks.list(query, call())).items, [
    { id: publicNet, name: 'public', is_external: true, shared: true, cidrs: [] },
    { id: serviceNet, name: 'private', is_external: false, shared: true }
  ])
  for (const cidr of [undefined, '10.0.0.0/31', '10.0.0/24', 'nonsense']) {
    const given = { name: 'back', cidr }
    t.match(
      await refused(cloud.networks.create(given, call())),
      { code: 'validation_failed', details: { errors: [{ pointer: '/cidr' }] } },
      String(cidr)
    )
  }
  const made = await cloud.networks.create({ name: 'back', cidr: '192.168.5.0/24' }, call())
  t.match(made, { name: 'back', cidrs: ['192.168.5.0/24'], is_external: false, shared: false, state: 'available' })
  t.strictSame(fake.asked('POST /os-networksv2').at(-1)!.body, { network: { label: 'back', cidr: '192.168.5.0/24' } })
  t.equal(
    (await refused(cloud.networks.create({ name: 'more', cidr: '192.168.6.0/24' }, call()))).code,
    'provider_quota_exceeded'
  )
  t.match(await refused(cloud.networks.destroy(publicNet, call())), {
    code: 'protected',
    details: { hint: /Rackspace/ }
  })
})

t.test('a console has a screen and no text', async (t) => {
  const { nodes, call, node } = await start(t)
  const id = await node()
  t.match(await nodes.console(id, 'url', call()), { kind: 'url', text: null, url: /^https:\/\/.+token=/ })
  t.match(await refused(nodes.console(id, 'text', call())), {
    code: 'not_supported',
    details: { capability: 'nodes.console.text' }
  })
})

t.test('images are mapped; only metadata of users are tags', async (t) => {
  const { fake, cloud, call, image, node } = await start(t)
  t.match(await cloud.images.get(image, plain, call()), {
    name: /^Debian 12/,
    state: 'available',
    visibility: 'public',
    is_snapshot: false,
    architecture: 'x86_64',
    min_ram: 512,
    min_disk: 20,
    os: { family: 'linux', distro: 'debian', version: '12' },
    size_bytes: 1_000_000
  })
  t.strictSame((await cloud.images.get(image, plain, call())).tags, {})
  const {
    resources: [made]
  } = await cloud.images.create({ name: 'golden', node_id: await node(), tags: { keep: '1', drop: '2' } }, call())
  t.match(await cloud.images.get(made!.id, plain, call()), {
    is_snapshot: true,
    visibility: 'private',
    os: { distro: 'debian' }
  })
  const { tags } = await cloud.images.update(made!.id, { tags: { drop: null, never: null, add: '3' } }, call())
  t.strictSame(tags, { keep: '1', add: '3' })
  t.equal(fake.state().images.at(-1)!.metadata['os_distro'], 'debian', 'what the cloud wrote is left')
  for (const [key, said] of [
    ['a:b', /does not accept/],
    ['Upper', /does not accept/],
    ['image_type', /cannot be set/],
    ['com.rackspace__1__x', /cannot be set/]
  ] as const) {
    t.match(await refused(cloud.images.update(made!.id, { tags: { [key]: 'x' } }, call())), {
      code: 'validation_failed',
      details: { errors: [{ pointer: `/tags/${key}`, message: said }] }
    })
  }
  t.equal((await refused(cloud.images.update(none, { tags: { gone: null } }, call()))).code, 'resource_not_found')
  t.match(await refused(cloud.images.create({ name: 'x', node_id: none }, call())), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/node_id' }] }
  })
})

t.test('volumes of Cinder v1 are mapped, created and changed', async (t) => {
  const { fake, cloud, call, image, node } = await start(t)
  const make = async (input: object) => {
    const {
      resources: [made]
    } = await cloud.volumes.create({ name: 'data', ...input }, call())
    fake.state().settle()
    return cloud.volumes.get(made!.id, plain, call())
  }
  const volume = await make({ size: 100, type: 'SSD', tags: { env: 'test' } })
  t.match(volume, {
    name: 'data',
    state: 'available',
    provider_state: 'AVAILABLE',
    size: 100,
    type: 'SSD',
    bootable: false,
    tags: { env: 'test' },
    created_at: /Z$/
  })
  t.match(fake.asked('POST /volumes')[0]!.body, { volume: { display_name: 'data', size: 100, volume_type: 'SSD' } })
  t.match(await make({ size: 75, image_id: image }), { bootable: true, image_id: image })
  t.match(await cloud.volumes.update(volume.id, { name: 'renamed', tags: { env: null } }, call()), {
    name: 'renamed',
    tags: {}
  })

  for (const [input, pointer] of [
    [{ size: 20 }, '/size'],
    [{ size: 2000 }, '/size'],
    [{ size: 75, type: 'NVMe' }, '/type'],
    [{ size: 75, snapshot_id: none }, '/snapshot_id'],
    [{ size: 75, image_id: none }, '/image_id']
  ] as const) {
    t.match(
      await refused(cloud.volumes.create(input, call())),
      { code: 'validation_failed', details: { errors: [{ pointer }] } },
      JSON.stringify(input)
    )
  }

  const id = await node()
  await cloud.volumes.attach(volume.id, { node_id: id }, call())
  fake.state().settle()
  t.match(await cloud.volumes.get(volume.id, plain, call()), {
    state: 'in_use',
    attachments: [{ node_id: id, device: '/dev/xvdb' }]
  })
  t.same((await cloud.nodes.get(id, plain, call())).volume_ids, [volume.id])
  t.match(await refused(cloud.volumes.destroy(volume.id, call())), { code: 'in_use', details: { hint: /Detach/ } })
  await cloud.volumes.detach(volume.id, {}, call())
  fake.state().settle()

  const {
    resources: [snapshot]
  } = await cloud.snapshots.create(
    { name: 'before', description: 'of the update', volume_id: volume.id, tags: { a: '1' } },
    call()
  )
  t.match(fake.asked('POST /snapshots')[0]!.body, {
    snapshot: { display_name: 'before', display_description: 'of the update', force: true }
  })
  fake.state().settle()
  t.match(await cloud.snapshots.get(snapshot!.id, plain, call()), {
    name: 'before',
    description: 'of the update',
    state: 'available',
    size: 100,
    volume_id: volume.id,
    progress: 100,
    tags: { a: '1' }
  })
  t.match(await refused(cloud.volumes.destroy(volume.id, call())), { code: 'in_use', details: { hint: /snapshots/ } })
  t.match(await cloud.snapshots.update(snapshot!.id, { name: 'renamed' }, call()), { name: 'renamed' })
})

t.test('volume types have numbers as ids; SATA is the default', async (t) => {
  const { cloud, call } = await start(t)
  const { items } = await cloud.volume_types.list(query, call())
  t.strictSame(
    items.map(({ id, name, is_default: standard }) => [id, name, standard]),
    [
      ['1', 'SATA', true],
      ['2', 'SSD', false]
    ]
  )
  t.match(await cloud.volume_types.get('2', { extra: true }, call()), {
    id: '2',
    name: 'SSD',
    is_default: false,
    extra: { id: 2 }
  })
})

t.test('an unlimited quota is null; an unknown one is left out', async (t) => {
  const { fake, cloud, call, node } = await start(t, { behaviour: { quotas: { servers: 3, ram: 4096 } } })
  await node()
  await cloud.volumes.create({ size: 80 }, call())
  const quotas = await cloud.quotas.list(call())
  t.match(quotas, [
    { resource: 'nodes', limit: 3, used: 1, unit: 'count' },
    { resource: 'vcpus', limit: null, used: 1 },
    { resource: 'ram', limit: 4096, used: 1024, unit: 'MiB' },
    { resource: 'networks', limit: 10, used: 0 },
    { resource: 'key_pairs', limit: 100, used: null },
    { resource: 'volumes', limit: null, used: 1 },
    { resource: 'volume_storage', limit: null, used: 80, unit: 'GiB' },
    { resource: 'volume_storage_sata', limit: 10_240, used: 80 },
    { resource: 'volume_storage_ssd', limit: 10_240, used: 0 },
    { resource: 'snapshots', limit: null, used: 0 }
  ])
  fake.behaviour.rules.push({
    match: 'GET /os-quota-sets/123456',
    answer: { status: 404, body: { itemNotFound: { code: 404, message: 'no' } } }
  })
  t.equal((await cloud.quotas.list(call())).length, 5)
})

t.test('an account without Cloud Block Storage has no volumes after its catalog was read', async (t) => {
  const { cloud, call } = await start(t, { account: { volumes: false } })
  t.ok('volumes.list' in capabilitiesOf(cloud), 'until then it may have')
  await cloud.check(call())
  t.notOk(Object.keys(capabilitiesOf(cloud)).some((name) => /^(volumes|volume_types|snapshots)\./.test(name)))
  t.ok((await cloud.quotas.list(call())).length > 0)
})

t.test('first-generation servers are not called, and no version is sent', async (t) => {
  const { fake, cloud, nodes, call, node } = await start(t)
  await cloud.check(call())
  await nodes.update(await node(), { name: 'renamed', tags: { env: 'test' } }, call())
  t.same([...new Set(fake.requests.map(({ service }) => service))], ['identity', 'servers'])
  for (const { headers, method, path } of fake.requests) {
    t.notOk(
      Object.keys(headers).some((name) => /api-version/.test(name)),
      `${method} ${path}`
    )
  }
})

t.test('an id that cannot exist is recognized', async (t) => {
  const { cloud } = await start(t)
  t.ok(cloud.ids['networks']!.test(publicNet))
  t.ok(cloud.ids['sizes']!.test('performance1-1'))
  t.ok(cloud.ids['volume_types']!.test('1'))
  for (const never of ['a/b', 'detail', 'x'.repeat(300)]) t.notOk(cloud.ids['nodes']!.test(never), never)
})

for (const [manner, matchesName] of [
  ['exactly', (filter: string, name: string) => filter === name],
  ['by a part of it', (filter: string, name: string) => name.includes(filter)],
  ['by a regex', (filter: string, name: string) => new RegExp(filter, 'i').test(name)]
] as const) {
  t.test(`nodes are found by name, a lost create by its mark, where the cloud compares names ${manner}`, async (t) => {
    const { fake, nodes, call, node, input } = await start(t, { behaviour: { matchesName, pageSize: 100 } })
    const operation = none
    for (const name of ['web', 'web-1.example.com', 'a (b) [c]', 'x+y', '{3}', 'Straße 7']) {
      const id = await node({ name })
      await node({ name: `${name} too` })
      const { items } = await nodes.list({ ...query, filters: { name: [name] } }, call())
      t.ok(items.some((item) => item.id === id), name)

      const { resources } = await nodes.create({ ...input, name }, call({ operation }))
      const lost = { id: operation, input: { ...input, name } }
      t.same(await nodes.findCreated(lost, new Date(), call()), resources, `lost: ${name}`)
      fake.state().servers.length = 0
    }
  })
}
