import t from 'tap'
import { toImage } from '../../drivers/rackspace/images.ts'
import { none, plain, query, refused, start, walk } from './rackspace-cloud.ts'

// Behavior that only Rackspace has, from its guides, clients of its time and its own stand-in (mimic).

t.test('a deletion whose answer is plain text succeeds', async (t) => {
  const { fake, cloud, call } = await start(t)
  const { id } = await cloud.networks.create({ name: 'isolated', cidr: '192.168.0.0/24' }, call())
  fake.requests.length = 0
  await cloud.networks.destroy(id, call())
  t.match(fake.requests, [{ method: 'DELETE', status: 202 }])
  t.notOk(fake.state().networks.some((network) => network.id === id))
  const html = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Please sign in</html>' }
  fake.behaviour.rules.push({ match: `DELETE /os-networksv2/${none}`, answer: html })
  t.match(
    await refused(cloud.networks.destroy(none, call())),
    { code: 'provider_error', outcomeUnknown: true },
    'but not by a page'
  )
})

t.test('the time to retry is read in each of its forms', async (t) => {
  const { fake, nodes, call } = await start(t)
  const later = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+Z$/, '')
  for (const told of [{ retryAfter: '54' }, { retryAfter: `${later}Z` }, { retryAt: `${later}UTC` }]) {
    fake.behaviour.rules = [
      {
        match: 'GET /servers/detail',
        answer: { status: 413, body: { overLimit: { code: 413, message: 'OverLimit Retry...', ...told } } }
      }
    ]
    const { code, details } = await refused(nodes.list(query, call()))
    t.equal(code, 'provider_rate_limited', JSON.stringify(told))
    t.ok(details.retry_after! > 50 && details.retry_after! <= 61, 'in seconds', { details })
  }
})

t.test('a 413 about too much metadata is not a rate limit', async (t) => {
  const { fake, nodes, call, input } = await start(t)
  const tags = Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`key${i}`, 'x']))
  t.match(await refused(nodes.create({ ...input, tags }, call())), {
    code: 'provider_quota_exceeded',
    message: /metadata items exceeds 40/
  })
  t.equal(fake.asked('POST /servers').length, 1, 'asked once')
})

t.test('ids need not be UUIDs; the path of a list is not an id', async (t) => {
  const { cloud } = await start(t)
  const { nodes, images, networks, volumes, snapshots } = cloud.ids
  for (const pattern of [nodes, images, networks, volumes, snapshots]) {
    for (const id of [none, 'test-server2929449412-id-2929449412', '8051697779']) t.match(id, pattern)
    for (const id of ['detail', '', 'a/b', '../images', 'x'.repeat(256), 'line\nbreak']) t.notMatch(id, pattern)
  }
})

t.test('more than a thousand snapshots are listed, although they have no markers', async (t) => {
  const { fake, cloud, call } = await start(t)
  const {
    resources: [volume]
  } = await cloud.volumes.create({ name: 'data', size: 75 }, call())
  fake.state().settle()
  await cloud.snapshots.create({ name: 'first', volume_id: volume!.id }, call({ operation: none }))
  const [first] = fake.state().snapshots
  fake
    .state()
    .snapshots.unshift(...Array.from({ length: 1200 }, (_, i) => ({ ...first!, id: `snapshot-${i}`, metadata: {} })))
  const pages = await walk(cloud.snapshots, call, 100)
  t.same(
    pages.map(({ length }) => length),
    [1000, 201]
  )
  t.equal(new Set(pages.flat().map(({ id }) => id)).size, 1201, 'each once')
  t.same(await cloud.snapshots.findCreated({ id: none, input: { volume_id: volume!.id } }, new Date(), call()), [
    { kind: 'snapshot', id: first!.id }
  ])
})

t.test('the place of a volume is not shown as a tag and cannot be changed', async (t) => {
  const { fake, cloud, call } = await start(t)
  const {
    resources: [{ id } = { id: '' }]
  } = await cloud.volumes.create({ name: 'data', size: 75, tags: { keep: '1', drop: '2' } }, call())
  const [volume] = fake.state().volumes
  const place = volume!.metadata['storage-node']
  t.type(place, 'string')
  t.same((await cloud.volumes.get(id, plain, call())).tags, { keep: '1', drop: '2' })
  t.same(
    (await cloud.volumes.list(query, call())).items.map(({ tags }) => tags),
    [{ keep: '1', drop: '2' }]
  )
  t.same((await cloud.volumes.update(id, { tags: { drop: null } }, call())).tags, { keep: '1' })
  t.same(volume!.metadata, { keep: '1', 'storage-node': place })
  const errors = [{ in: 'body', pointer: '/tags/storage-node' }]
  t.match(await refused(cloud.volumes.update(id, { tags: { 'storage-node': null } }, call())), {
    code: 'validation_failed',
    details: { errors }
  })
  t.match(await refused(cloud.volumes.create({ size: 75, tags: { 'storage-node': 'x' } }, call())), {
    code: 'validation_failed',
    details: { errors }
  })
  t.equal(fake.state().volumes.length, 1)
})

t.test('times of images are RFC 3339, and the system is shown by any of its keys', async (t) => {
  const identity = { id: none, cloud: 'default', driver: 'rackspace', location: 'DFW', self: '/x' }
  const image = (created: string, metadata: Record<string, string> = {}) =>
    toImage({ id: none, status: 'ACTIVE', created, updated: created, metadata }, identity, false)
  for (const [given, expected] of [
    ['1972-01-01_15-59-11', '1972-01-01T15:59:11.000Z'],
    ['2014-10-13T15:22:33Z', '2014-10-13T15:22:33.000Z'],
    ['2014-10-13T15:22:33.123456', '2014-10-13T15:22:33.123Z'],
    ['2014-10-13 15:22:33', '2014-10-13T15:22:33.000Z'],
    ['2014-10-13T15:22:33+02:00', '2014-10-13T13:22:33.000Z'],
    ['yesterday', null],
    ['', null]
  ] as const) t.match(image(given), { created_at: expected, updated_at: expected }, given)

  const shared = 'org.openstack__1__'
  for (const [domain, distro] of [
    ['org.debian', 'debian'], ['com.ubuntu', 'ubuntu'], ['org.fedoraproject', 'fedora'], ['com.redhat', 'rhel'],
    ['com.microsoft.server', 'windows'], ['org.archlinux', 'arch']
  ] as const) {
    const metadata = {
      os_type: 'linux',
      [`${shared}os_distro`]: domain,
      [`${shared}os_version`]: '12',
      [`${shared}architecture`]: 'x64'
    }
    t.match(image('', metadata), { os: { family: 'linux', distro, version: '12' }, architecture: 'x86_64', tags: {} })
  }
})

t.test('an image is found although its Location is not valid', async (t) => {
  const { fake, cloud, call, node } = await start(t)
  const id = await node()
  for (const location of ['www.someurl.com', '', 'https://servers.example/v2/images/']) {
    fake.behaviour.imageLocation = location
    const name = `golden ${location}`
    const { resources } = await cloud.images.create({ name, node_id: id }, call({ operation: none }))
    t.same(resources, [{ kind: 'image', id: fake.state().images.at(-1)!.id }], location)
    fake.state().settle()
  }
  // Where the cloud keeps no metadata, and there are two, nobody knows.
  const { images } = fake.state()
  for (const image of images) delete image.metadata['orchestrator_operation']
  const name = 'golden www.someurl.com'
  t.match(await refused(cloud.images.create({ name, node_id: id }, call())), { outcomeUnknown: true })
})
