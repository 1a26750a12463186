import t from 'tap'
import { capabilitiesOf } from '../../drivers/driver.ts'
import { id, plain, query, refused, start, type Asked } from './openstack-fake.ts'

const volumes = '/volume/v3/p/volumes'
const one = `${volumes}/${id}`
const attachments = `/compute/v2.1/servers/${id}/os-volume_attachments`
const bad = (message: string) => ({ status: 400, body: { badRequest: { code: 400, message } } })
const shown = (more: object = {}) => ({
  body: { volume: { id, status: 'available', size: 1, attachments: [], ...more } }
})

t.test('a volume is created with its operation and found by it', async (t) => {
  const { cloud, call, of } = await start(t, {
    [`POST ${volumes}`]: { status: 202, body: { volume: { id, status: 'creating' } } },
    [`GET ${volumes}/detail`]: {
      body: {
        volumes: [
          { id: 'other', status: 'available' },
          { id, status: 'creating', metadata: { 'orchestrator:operation': 'op' } }
        ]
      }
    }
  })
  const input = {
    name: 'v',
    size: 3,
    type: 'fast',
    snapshot_id: 's',
    image_id: 'i',
    availability_zone: 'nova',
    tags: { 'a/b': 'c' }
  }
  t.strictSame(await cloud.volumes.create(input, call({ operation: 'op' })), {
    resources: [{ kind: 'volume', id }],
    until: { states: ['available'] }
  })
  t.strictSame(of(`POST ${volumes}`)[0]!.body, {
    volume: {
      name: 'v',
      size: 3,
      volume_type: 'fast',
      snapshot_id: 's',
      imageRef: 'i',
      availability_zone: 'nova',
      metadata: { 'a/b': 'c', 'orchestrator:operation': 'op' }
    }
  })
  t.strictSame(await cloud.volumes.findCreated({ id: 'op', input }, new Date(), call()), [{ kind: 'volume', id }])
  t.equal(of(`GET ${volumes}/detail`)[0]!.query.get('metadata'), '{"orchestrator:operation":"op"}')
})

t.test('a refusal of a volume points to the field, or to the quota', async (t) => {
  const { cloud, call, routes } = await start(t)
  const missing = (message: string) => ({ status: 404, body: { itemNotFound: { code: 404, message } } })
  for (const [answer, pointer] of [
    [missing('Volume type with name nope could not be found.'), '/type'],
    [missing('Snapshot x could not be found.'), '/snapshot_id'],
    [bad('Invalid input for field/attribute snapshot_id. Value: nope.'), '/snapshot_id'],
    [bad('Invalid image identifier or unable to access requested image.'), '/image_id'],
    [bad("Availability zone 'zz' is invalid."), '/availability_zone'],
    [bad("Invalid input received: Volume size '1'GB cannot be smaller than the snapshot size 2GB."), '/size'],
    [bad('Invalid input received: name has 300 characters, more than 255.'), '/name']
  ] as const) {
    routes[`POST ${volumes}`] = answer
    t.match(
      await refused(cloud.volumes.create({ size: 1 }, call())),
      { code: 'validation_failed', details: { errors: [{ pointer }] } },
      pointer
    )
  }
  const over = { status: 413, headers: { 'retry-after': '0' } }
  routes[`POST ${volumes}`] = {
    ...over,
    body: {
      overLimit: {
        code: 413,
        message: 'VolumeSizeExceedsAvailableQuota: Requested volume exceeds allowed gigabytes quota.'
      }
    }
  }
  t.match(await refused(cloud.volumes.create({ size: 1 }, call())), { code: 'provider_quota_exceeded' })
  routes[`POST ${volumes}`] = {
    status: 413,
    headers: { 'retry-after': '7' },
    body: { overLimit: { code: 413, message: 'This request was rate-limited.' } }
  }
  t.match(await refused(cloud.volumes.create({ size: 1 }, call())), {
    code: 'provider_rate_limited',
    details: { retry_after: 7 }
  })
  t.match(await refused(cloud.volumes.create({ size: 1, tags: { 'orchestrator:operation': 'x' } }, call())), {
    code: 'validation_failed'
  })
})

t.test('a refusal because of the state has the state of the volume', async (t) => {
  const { cloud, call, routes } = await start(t, {
    [`DELETE ${one}`]: bad(
      'Invalid volume: Volume status must be available or error and must not be attached or have snapshots.'
    )
  })
  for (const [volume, code, state] of [
    [{ status: 'in-use', attachments: [{ server_id: 'n' }] }, 'in_use', 'in_use'],
    [{}, 'in_use', 'available'],
    [{ status: 'creating' }, 'invalid_state', 'creating'],
    [{ status: 'extending' }, 'invalid_state', 'updating']
  ] as const) {
    routes[`GET ${one}`] = shown(volume)
    t.match(await refused(cloud.volumes.destroy(id, call())), { code, details: { state } })
  }
  routes[`GET ${one}`] = { status: 500 }
  t.match(await refused(cloud.volumes.destroy(id, call())), { code: 'invalid_state' }, 'also where it cannot be read')
})

t.test('volumes are attached and detached by Nova', async (t) => {
  const { cloud, call, routes, of, asked } = await start(t, {
    [`POST ${attachments}`]: { body: { volumeAttachment: { id } } },
    [`DELETE ${attachments}/${id}`]: { status: 202 },
    [`GET ${one}`]: shown({ status: 'in-use', attachments: [{ server_id: id }] })
  })
  const change = (states: string[]) => ({ resources: [{ kind: 'volume', id }], until: { states } })
  t.strictSame(await cloud.volumes.attach(id, { node_id: id, device: '/dev/vdc' }, call()), change(['in_use']))
  t.strictSame(of(`POST ${attachments}`)[0]!.body, { volumeAttachment: { volumeId: id, device: '/dev/vdc' } })
  t.strictSame(await cloud.volumes.detach(id, {}, call()), change(['available']))
  t.strictSame(await cloud.volumes.detach(id, { node_id: id }, call()), change(['available']))
  t.match(await refused(cloud.volumes.detach(id, { node_id: 'other' }, call())), {
    details: { errors: [{ pointer: '/node_id' }] }
  })

  routes[`DELETE ${attachments}/${id}`] = {
    status: 403,
    body: { forbidden: { code: 403, message: 'Cannot detach a root device volume' } }
  }
  t.match(await refused(cloud.volumes.detach(id, {}, call())), {
    code: 'in_use',
    details: { hint: /destroy the node/ }
  })

  routes[`GET ${one}`] = shown({ status: 'in-use', attachments: [{ server_id: id }, { server_id: 'n2' }] })
  t.match(await refused(cloud.volumes.detach(id, {}, call())), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/node_id' }] }
  })
  routes[`DELETE ${attachments}/${id}`] = { status: 202 }
  t.strictSame(await cloud.volumes.detach(id, { node_id: id }, call()), change(['in_use']), 'another node still has it')
  routes[`GET ${one}`] = shown()
  t.match(await refused(cloud.volumes.detach(id, {}, call())), {
    code: 'invalid_state',
    details: { state: 'available' }
  })

  routes[`GET ${one}`] = shown({ status: 'reserved' })
  routes['GET /volume/v3/p/attachments'] = { body: { attachments: [{ id: 'a', instance: id, status: 'reserved' }] } }
  t.strictSame(await cloud.volumes.detach(id, {}, call()), change(['available']), 'its node is shelved and offloaded')
  const [listed] = of('GET /volume/v3/p/attachments')
  t.strictSame([listed!.query.get('volume_id'), listed!.headers['openstack-api-version']], [id, 'volume 3.27'])
  routes['GET /volume/v3/p/attachments'] = { status: 406, body: {} }
  t.match(await refused(cloud.volumes.detach(id, {}, call())), { code: 'invalid_state' }, 'an older Cinder')

  routes[`POST ${attachments}`] = {
    status: 404,
    body: { itemNotFound: { message: `Instance ${id} could not be found.` } }
  }
  t.match(await refused(cloud.volumes.attach(id, { node_id: id }, call())), {
    details: { errors: [{ pointer: '/node_id' }] }
  })
  routes[`POST ${attachments}`] = {
    status: 404,
    body: { itemNotFound: { message: `Volume ${id} could not be found.` } }
  }
  t.match(await refused(cloud.volumes.attach(id, { node_id: id }, call())), { code: 'resource_not_found' })
  asked.length = 0
  t.match(await refused(cloud.volumes.attach(id, { node_id: 'web' }, call())), {
    details: { errors: [{ pointer: '/node_id' }] }
  })
  t.equal(asked.length, 0)
})

t.test('extend uses the version for attached volumes, and none on an older Cinder', async (t) => {
  const action = `POST ${one}/action`
  const { cloud, call, routes, of } = await start(t, { [action]: { status: 202 } })
  t.strictSame(await cloud.volumes.extend(id, { size: 9 }, call()), {
    resources: [{ kind: 'volume', id }],
    until: { states: ['available', 'in_use'] }
  })
  t.match(of(action), [{ body: { 'os-extend': { new_size: 9 } }, headers: { 'openstack-api-version': 'volume 3.42' } }])
  routes[action] = ({ headers }: Asked) =>
    headers['openstack-api-version'] === undefined ? { status: 202 } : { status: 406, body: {} }
  t.match(await cloud.volumes.extend(id, { size: 9 }, call()), { until: { states: ['available', 'in_use'] } })
  routes[action] = bad('Invalid input received: New size for extend must be greater than current size.')
  t.match(await refused(cloud.volumes.extend(id, { size: 1 }, call())), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/size' }] }
  })
})

t.test('an update makes only the calls that it needs, and an error names what was applied', async (t) => {
  const { cloud, call, routes, of } = await start(t, {
    [`GET ${one}`]: shown({ name: 'new' }),
    [`PUT ${one}`]: shown(),
    [`GET ${one}/metadata`]: { body: { metadata: { old: '1', env: 'dev', 'orchestrator:operation': 'op' } } },
    [`PUT ${one}/metadata`]: { body: { metadata: {} } },
    [`POST ${one}/metadata`]: { body: { metadata: {} } }
  })
  t.equal((await cloud.volumes.update(id, { name: 'new', tags: { old: null, env: 'prod' } }, call())).name, 'new')
  t.strictSame(of(`PUT ${one}`)[0]!.body, { volume: { name: 'new' } })
  t.strictSame(of(`PUT ${one}/metadata`)[0]!.body, { metadata: { env: 'prod', 'orchestrator:operation': 'op' } })
  await cloud.volumes.update(id, { tags: { env: 'prod' } }, call())
  t.strictSame(of(`POST ${one}/metadata`)[0]!.body, { metadata: { env: 'prod' } })
  routes[`POST ${one}/metadata`] = bad('Invalid input received: metadata is odd')
  t.match(await refused(cloud.volumes.update(id, { name: 'new', tags: { env: 'x' } }, call())), {
    code: 'validation_failed',
    message: /already applied: name/,
    details: { errors: [{ pointer: '/tags' }] }
  })
})

t.test('a page whose marker was deleted continues after the volume before it', async (t) => {
  const { cloud, call } = await start(t, {
    [`GET ${volumes}/detail`]: ({ query: asked }) =>
      asked.get('marker') === 'gone'
        ? { status: 404, body: { itemNotFound: { message: 'Volume gone could not be found.' } } }
        : { body: { volumes: [{ id, status: 'available' }] } }
  })
  t.match(await cloud.volumes.list({ ...query, token: 'gone,v1' }, call()), { items: [{ id }], next: null })
  t.match(await refused(cloud.volumes.list({ ...query, token: 'gone' }, call())), { code: 'invalid_request' })
})

t.test('a snapshot is created of an attached volume too, and found by its volume', async (t) => {
  const snapshots = '/volume/v3/p/snapshots'
  const { cloud, call, routes, of } = await start(t, {
    [`POST ${snapshots}`]: { status: 202, body: { snapshot: { id } } },
    [`GET ${snapshots}/detail`]: {
      body: { snapshots: [{ id, status: 'available', metadata: { 'orchestrator:operation': 'op' } }] }
    },
    [`GET ${one}`]: shown({ status: 'creating' })
  })
  const input = { volume_id: id, name: 's', description: 'd', tags: { a: 'b' } }
  t.match(await cloud.snapshots.create(input, call({ operation: 'op' })), {
    resources: [{ kind: 'snapshot', id }],
    until: { states: ['available'] }
  })
  t.strictSame(of(`POST ${snapshots}`)[0]!.body, {
    snapshot: {
      volume_id: id,
      force: true,
      name: 's',
      description: 'd',
      metadata: { a: 'b', 'orchestrator:operation': 'op' }
    }
  })
  t.strictSame(await cloud.snapshots.findCreated({ id: 'op', input }, new Date(), call()), [{ kind: 'snapshot', id }])
  t.equal(of(`GET ${snapshots}/detail`)[0]!.query.get('volume_id'), id)
  routes[`POST ${snapshots}`] = { status: 404, body: { itemNotFound: { message: `Volume ${id} could not be found.` } } }
  t.match(await refused(cloud.snapshots.create(input, call())), { details: { errors: [{ pointer: '/volume_id' }] } })
  routes[`POST ${snapshots}`] = bad(
    `Invalid volume: Volume ${id} status must be available or in-use, but current status is: creating.`
  )
  t.match(await refused(cloud.snapshots.create(input, call())), {
    code: 'invalid_state',
    details: { state: 'creating' }
  })
})

t.test('the default volume type is shown if there is one', async (t) => {
  const types = '/volume/v3/p/types'
  const { cloud, call, routes } = await start(t, {
    [`GET ${types}`]: {
      body: {
        volume_types: [
          { id: 'a', name: 'slow' },
          { id: 'b', name: 'fast', description: 'd' }
        ]
      }
    },
    [`GET ${types}/default`]: { body: { volume_type: { id: 'b' } } }
  })
  const list = async () =>
    (await cloud.volume_types.list(query, call())).items.map(({ name, is_default: standard }) => [name, standard])
  t.strictSame(await list(), [
    ['slow', false],
    ['fast', true]
  ])
  routes[`GET ${types}/default`] = { status: 404 }
  t.strictSame(await list(), [
    ['slow', false],
    ['fast', false]
  ])
  routes[`GET ${types}/default`] = { status: 403 }
  t.strictSame(await list(), [
    ['slow', null],
    ['fast', null]
  ])
})

t.test('quotas are those of the services in the catalog', async (t) => {
  const { cloud, call, routes } = await start(t, {
    'GET /compute/v2.1/limits': {
      body: { limits: { absolute: { maxTotalInstances: 10, totalInstancesUsed: 1, maxTotalRAMSize: -1 } } }
    },
    'GET /network/v2.0/quotas/p/details.json': { body: { quota: { port: { limit: 5, used: 2, reserved: 0 } } } },
    'GET /volume/v3/p/limits': {
      body: { limits: { absolute: { maxTotalVolumeGigabytes: 100, totalGigabytesUsed: 7 } } }
    }
  })
  const told = async () =>
    (await cloud.quotas.list(call())).map(({ resource, limit, used, unit }) => [resource, limit, used, unit].join(' '))
  t.strictSame(await told(), ['nodes 10 1 count', 'ram   MiB', 'ports 5 2 count', 'volume_storage 100 7 GiB'])
  routes['GET /network/v2.0/quotas/p/details.json'] = { status: 404 }
  t.strictSame(await told(), ['nodes 10 1 count', 'ram   MiB', 'volume_storage 100 7 GiB'])
  routes['GET /volume/v3/p/limits'] = { status: 403 }
  t.strictSame(await told(), ['nodes 10 1 count', 'ram   MiB'])
  t.match((await cloud.quotas.list(call())).sources, [
    { service: 'compute', status: 'ok', problem: null },
    { service: 'volume', status: 'error', problem: { code: 'provider_permission_denied' } }
  ])
  routes['GET /compute/v2.1/limits'] = { status: 503 }
  t.match(await refused(cloud.quotas.list(call({ timeout: 20_000 }))), { code: 'provider_unavailable' })
})

t.test('a cloud without Cinder has no capabilities of volumes after its catalog was read', async (t) => {
  const { cloud, call } = await start(t, {}, {}, { volumes: false })
  t.match(await refused(cloud.volumes.get(id, plain, call())), {
    code: 'not_supported',
    details: { capability: 'volume' }
  })
  t.equal(cloud.volumes, undefined)
  const capabilities = Object.keys(capabilitiesOf(cloud))
  t.strictSame(
    capabilities.filter((name) => /^(volume|snapshot)/.test(name)),
    []
  )
  t.ok(capabilities.includes('images.upload'))
})
