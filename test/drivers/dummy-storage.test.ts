import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { openCall } from '../../drivers/call.ts'
import type {
  Change, Connection, ImageService, NodeService, ReadService, SnapshotService, VolumeService
} from '../../drivers/driver.ts'
import dummy from '../../drivers/dummy/index.ts'
import {
  models, ProblemError, type NodeCreate, type SnapshotCreate, type VolumeCreate
} from '../../openapi/model/index.ts'

const log = Fastify().log
const call = (options: { timeout?: number, operation?: string } = {}) =>
  openCall({ timeout: 1000, log, requestId: 't', ...options })
const query = { limit: 100, token: null, filters: {}, extra: false }
const plain = { extra: false }

/** Starts a new cloud. By default its changes take effect at once, and it has no state file. */
async function start (t: Test, settings: Record<string, unknown> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(dummy, { name: 'default', state_file: null, delay: 0, ...settings })
  const cloud = fastify.clouds['default'] as Required<Connection>
  const nodes = cloud.nodes as Required<NodeService>
  const volumes = cloud.volumes as Required<VolumeService>
  const snapshots = cloud.snapshots as Required<SnapshotService>
  const images = cloud.images as Required<ImageService>
  const idOf = ({ resources }: Change) => resources[0]!.id
  return {
    cloud,
    nodes,
    volumes,
    snapshots,
    images,
    node: async (more: Partial<NodeCreate> = {}) =>
      idOf(await nodes.create({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...more }, call())),
    volume: async (more: Partial<VolumeCreate> = {}) => idOf(await volumes.create({ size: 1, ...more }, call())),
    snapshot: async (volumeId: string, more: Partial<SnapshotCreate> = {}) =>
      idOf(await snapshots.create({ volume_id: volumeId, ...more }, call())),
    image: async (nodeId: string) => idOf(await images.create({ name: 'golden', node_id: nodeId }, call())),
    getNode: (id: string) => nodes.get(id, plain, call()),
    getVolume: (id: string, extra = false) => volumes.get(id, { extra }, call()),
    getSnapshot: (id: string) => snapshots.get(id, plain, call()),
    getImage: (id: string, extra = false) => images.get(id, { extra }, call()),
    attach: (id: string, nodeId: string, device?: string) =>
      volumes.attach(id, { node_id: nodeId, device }, call()),
    detach: (id: string, nodeId?: string) =>
      volumes.detach(id, { node_id: nodeId }, call()),
    extend: (id: string, size: number) => volumes.extend(id, { size }, call()),
    quota: async (name: string) => (await cloud.quotas.list(call())).find(({ resource }) => resource === name)
  }
}

/** Stops the clock. Returns a function that advances it by seconds. */
function stopClock (t: Test) {
  let now = Date.parse('2026-05-01T12:00:00.000Z')
  t.intercept(Date, 'now', { value: () => now })
  return (seconds: number) => { now += seconds * 1000 }
}

/** Returns the code and the pointers of an error. */
const pointersOf = async (refused: Promise<unknown>) => {
  const error = await refused.then(() => undefined, (error: ProblemError) => error)
  return [error?.code, error?.details.errors?.map(({ pointer }) => pointer)]
}
const invalid = (...pointers: string[]) => ['validation_failed', pointers]

t.test('a volume is created empty, from a snapshot and from an image', async (t) => {
  const pass = stopClock(t)
  const { volumes, volume, snapshot, getVolume } = await start(t, { delay: 2 })
  const change = await volumes.create(
    { name: 'data', size: 5, type: 'fast', availability_zone: 'local-b', tags: { a: 'b' } }, call()
  )
  t.same(change.until, { states: ['available'] })
  const { id } = change.resources[0]!
  t.match(await getVolume(id), { state: 'creating', provider_state: 'creating' })
  pass(2)
  t.match(await getVolume(id), {
    name: 'data',
    state: 'available',
    size: 5,
    type: 'fast',
    bootable: false,
    availability_zone: 'local-b',
    attachments: [],
    tags: { a: 'b' },
    snapshot_id: null,
    image_id: null,
    created_at: '2026-05-01T12:00:00.000Z',
    updated_at: '2026-05-01T12:00:02.000Z',
    encrypted: false,
    iops: null
  })
  const system = await volume({ size: 8, image_id: 'img-debian-12' })
  pass(1)
  t.match(await getVolume(system), { state: 'creating', provider_state: 'downloading' })
  pass(1)
  t.match(await getVolume(system), {
    name: null,
    state: 'available',
    bootable: true,
    image_id: 'img-debian-12',
    type: 'standard',
    availability_zone: 'local-a'
  })
  const [ofData, ofSystem] = [await snapshot(id), await snapshot(system)]
  pass(2)
  const first = (await volumes.create({ snapshot_id: ofData }, call())).resources[0]!.id
  const second = await volume({ size: 20, snapshot_id: ofSystem })
  t.match(await getVolume(first), { size: 5, type: 'fast', bootable: false, snapshot_id: ofData })
  t.match(await getVolume(second), { size: 20, type: 'standard', bootable: true, snapshot_id: ofSystem })
})

t.test('a create of a volume reports every invalid field', async (t) => {
  const pass = stopClock(t)
  const { volumes, volume, snapshot, node, image } = await start(t, { delay: 1 })
  const create = (input: VolumeCreate) => pointersOf(volumes.create(input, call()))
  t.same(
    await create({ size: 1, type: 'none', image_id: 'img-none', availability_zone: 'moon' }),
    invalid('/type', '/image_id', '/availability_zone')
  )
  t.same(await create({ size: 2, image_id: 'img-debian-12' }), invalid('/size'), 'less than the image needs')
  t.same(await create({}), invalid('/size'))
  t.same(await create({ size: 1, snapshot_id: 'snap-00000000' }), invalid('/snapshot_id'))
  const id = await volume({ size: 5 })
  pass(1)
  const taken = await snapshot(id)
  t.same(await create({ snapshot_id: taken }), invalid('/snapshot_id'), 'it is not available yet')
  pass(1)
  t.same(await create({ snapshot_id: taken, size: 4 }), invalid('/size'), 'less than the snapshot')
  t.same(await create({ snapshot_id: taken, image_id: 'img-debian-12', size: 9 }), invalid('/image_id'))
  const source = await node()
  pass(1)
  t.same(await create({ size: 40, image_id: await image(source) }), invalid('/image_id'), 'it is not available yet')
  t.equal((await volumes.list(query, call())).total, 1)
})

t.test('a volume is attached to one node, which lists it, and detached', async (t) => {
  const pass = stopClock(t)
  const { node, volume, attach, detach, getNode, getVolume, volumes } = await start(t, { delay: 2 })
  const [web, id, other] = [await node(), await volume(), await volume()]
  await t.rejects(
    attach(id, web), { code: 'invalid_state', details: { state: 'creating' } }, 'the volume is not created yet'
  )
  pass(2)
  t.same((await getNode(web)).volume_ids, [])
  t.same((await attach(id, web)).until, { states: ['in_use'] })
  t.match(await getVolume(id), {
    state: 'attaching', attachments: [{ node_id: web, device: '/dev/vdb', state: 'attaching' }]
  })
  t.same((await getNode(web)).volume_ids, [id])
  await t.rejects(attach(id, web), { code: 'in_use' })
  await t.rejects(volumes.destroy(id, call()), { code: 'in_use' })
  pass(2)
  t.match(await getVolume(id), {
    state: 'in_use', provider_state: 'in-use', attachments: [{ node_id: web, device: '/dev/vdb', state: 'in_use' }]
  })
  await t.rejects(attach(id, web), { code: 'in_use' })
  await attach(other, web)
  pass(2)
  t.equal((await getVolume(other)).attachments[0]!.device, '/dev/vdc')
  t.same(await pointersOf(detach(id, 'node-00000000')), invalid('/node_id'))
  t.same((await detach(id, web)).until, { states: ['available'] })
  t.match(await getVolume(id), { state: 'detaching', attachments: [{ state: 'detaching' }] })
  await t.rejects(detach(id), { code: 'invalid_state', details: { state: 'detaching' } })
  t.same((await getNode(web)).volume_ids, [id, other])
  pass(2)
  t.match(await getVolume(id), { state: 'available', attachments: [] })
  t.same((await getNode(web)).volume_ids, [other])
  await t.rejects(detach(id), { code: 'invalid_state', details: { state: 'available' } })
  await attach(id, web)
  t.equal((await getVolume(id)).attachments[0]!.device, '/dev/vdb', 'the freed device is assigned again')
})

t.test('a request can name the device, and a node has a limited number of devices', async (t) => {
  const { node, volume, attach, getVolume, getNode } = await start(t)
  const [web, id] = [await node(), await volume()]
  for (const device of ['/dev/vda', '/dev/sdb', 'vdb']) {
    t.same(await pointersOf(attach(id, web, device)), invalid('/device'), device)
  }
  await attach(id, web, '/dev/vdz')
  t.equal((await getVolume(id)).attachments[0]!.device, '/dev/vdz')
  t.same(await pointersOf(attach(await volume(), web, '/dev/vdz')), invalid('/device'), 'the device is in use')
  for (let n = 0; n < 24; n++) await attach(await volume(), web)
  t.equal((await getNode(web)).volume_ids!.length, 25)
  t.equal((await getNode(web)).volume_ids!.at(-1), id, 'in the order of their devices')
  await t.rejects(attach(await volume(), web), { code: 'provider_quota_exceeded' })
})

t.test('volumes change only on a node that exists, is not changing and is not protected', async (t) => {
  const pass = stopClock(t)
  const { node, nodes, volume, attach, detach } = await start(t, { delay: 1 })
  const [id, web] = [await volume(), await node()]
  pass(1)
  t.same(await pointersOf(attach(id, 'node-00000000')), invalid('/node_id'))
  await nodes.suspend(web, {}, call())
  await t.rejects(attach(id, web), { code: 'invalid_state', details: { state: 'stopping' } })
  pass(1)
  await t.rejects(attach(id, web), {
    code: 'invalid_state', details: { state: 'suspended', allowed_actions: ['reboot', 'resume', 'shelve', 'destroy'] }
  })
  await nodes.resume(web, {}, call())
  pass(1)
  await nodes.stop(web, {}, call())
  pass(1)
  await attach(id, web)
  pass(1)
  await nodes.update(web, { protected: true }, call())
  await t.rejects(detach(id), { code: 'protected' })
  await nodes.update(web, { protected: false }, call())
  await nodes.start(web, {}, call())
  await t.rejects(detach(id), { code: 'invalid_state', details: { state: 'starting' } })
  pass(1)
  await detach(id)
})

t.test('a volume can be extended, available or in use, and never shrinks', async (t) => {
  const pass = stopClock(t)
  const { node, volume, attach, extend, getVolume } = await start(t, { delay: 1 })
  const [id, web] = [await volume({ size: 2 }), await node()]
  await t.rejects(extend(id, 3), { code: 'invalid_state' })
  pass(1)
  for (const size of [1, 2]) t.same(await pointersOf(extend(id, size)), invalid('/size'))
  t.same((await extend(id, 3)).until, { states: ['available'] })
  t.match(await getVolume(id), { state: 'updating', provider_state: 'extending', size: 2 })
  pass(1)
  t.match(await getVolume(id), { state: 'available', size: 3 })
  await attach(id, web)
  pass(1)
  t.same((await extend(id, 9)).until, { states: ['in_use'] })
  t.match(await getVolume(id), { state: 'updating', attachments: [{ node_id: web, state: 'in_use' }] })
  pass(1)
  t.match(await getVolume(id), { state: 'in_use', size: 9 })
})

t.test('a volume can be deleted when it has no attachment and no snapshots', async (t) => {
  const pass = stopClock(t)
  const { volume, volumes, snapshot, snapshots, getVolume, getSnapshot } = await start(t, { delay: 1 })
  const id = await volume()
  await t.rejects(volumes.destroy(id, call()), { code: 'invalid_state', details: { state: 'creating' } })
  pass(1)
  const taken = await snapshot(id)
  await t.rejects(snapshots.destroy(taken, call()), { code: 'invalid_state', details: { state: 'creating' } })
  await t.rejects(volumes.destroy(id, call()), { code: 'in_use', message: /snapshots/ })
  pass(1)
  t.same((await snapshots.destroy(taken, call())).until, { states: [], gone: true })
  t.match(await getSnapshot(taken), { state: 'deleting' })
  await snapshots.destroy(taken, call())
  pass(1)
  await t.rejects(getSnapshot(taken), { code: 'resource_not_found' })
  t.same((await volumes.destroy(id, call())).until, { states: [], gone: true })
  t.match(await getVolume(id), { state: 'deleting' })
  await volumes.destroy(id, call())
  await t.rejects(snapshot(id), { code: 'invalid_state', details: { state: 'deleting' } })
  pass(1)
  await t.rejects(getVolume(id), { code: 'resource_not_found' })
  await t.rejects(volumes.destroy(id, call()), { code: 'resource_not_found' })
  await t.rejects(volumes.update(id, { name: 'x' }, call()), { code: 'resource_not_found' })
})

t.test('the volumes of a destroyed node are available', async (t) => {
  const pass = stopClock(t)
  const { node, nodes, volume, attach, extend, getVolume } = await start(t, {
    delays: { destroy: 5, volume: 1 }, soft_delete_seconds: 60
  })
  const [web, id, growing, leaving] = [await node(), await volume(), await volume(), await volume()]
  pass(1)
  for (const one of [id, growing, leaving]) await attach(one, web)
  pass(1)
  await nodes.destroy(web, call())
  pass(5)
  t.match(
    await getVolume(id),
    { state: 'in_use', attachments: [{ node_id: web }] },
    'a node that can be restored keeps its volumes'
  )
  pass(59.5)
  await extend(growing, 7)
  pass(0.5)
  await t.rejects(nodes.get(web, plain, call()), { code: 'resource_not_found' })
  for (const one of [id, leaving]) t.match(await getVolume(one), { state: 'available', attachments: [] })
  t.match(await getVolume(growing), { state: 'available', size: 7, attachments: [] })
})

t.test('a snapshot can be taken of a volume, also while it is attached', async (t) => {
  const pass = stopClock(t)
  const { node, volume, attach, snapshots, snapshot, getSnapshot } = await start(t, { delay: 2 })
  const [id, web] = [await volume({ size: 3 }), await node()]
  t.same(await pointersOf(snapshot('vol-00000000')), invalid('/volume_id'))
  await t.rejects(snapshot(id), { code: 'invalid_state' })
  pass(2)
  await attach(id, web)
  await t.rejects(snapshot(id), { code: 'invalid_state', details: { state: 'attaching' } })
  pass(2)
  const change = await snapshots.create(
    { volume_id: id, name: 'nightly', description: 'of the night', tags: { a: 'b' } }, call()
  )
  t.same(change.until, { states: ['available'] })
  const taken = change.resources[0]!.id
  t.match(await getSnapshot(taken), { state: 'creating', progress: 0 })
  pass(1)
  t.match(await getSnapshot(taken), { state: 'creating', progress: 50 })
  pass(1)
  t.match(await getSnapshot(taken), {
    name: 'nightly',
    description: 'of the night',
    state: 'available',
    progress: 100,
    volume_id: id,
    size: 3,
    tags: { a: 'b' }
  })
  t.match(await snapshots.update(taken, { name: 'weekly', tags: { a: null, c: 'd' } }, call()), {
    name: 'weekly', tags: { a: undefined, c: 'd' }
  })
})

t.test('a merge patch changes names and tags of volumes', async (t) => {
  const { volume, volumes, getVolume } = await start(t)
  const id = await volume({ name: 'one', tags: { a: '1', b: '2' } })
  t.match(await volumes.update(id, { tags: { a: null, c: '3' } }, call()), { name: 'one', tags: { b: '2', c: '3' } })
  await volumes.update(id, { name: 'two' }, call())
  t.match(await getVolume(id), { name: 'two', tags: { a: undefined, b: '2', c: '3' } })
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, '']))
  t.same(await pointersOf(volumes.update(id, { tags: many }, call())), invalid('/tags'))
})

t.test('the cloud has two volume types', async (t) => {
  const { cloud } = await start(t)
  const { items } = await cloud.volume_types.list(query, call())
  t.same(items.map(({ name, is_default: usual }) => [name, usual]), [['standard', true], ['fast', false]])
  t.match(await cloud.volume_types.get('fast', plain, call()), { id: 'fast', state: 'available' })
  await t.rejects(cloud.volume_types.get('none', plain, call()), { code: 'resource_not_found' })
})

t.test('an image is created from a node, and nodes and volumes from the image', async (t) => {
  const pass = stopClock(t)
  const { images, node, nodes, image, volume, getImage, getNode, cloud } = await start(t, { delay: 2 })
  t.same(await pointersOf(image('node-00000000')), invalid('/node_id'))
  const web = await node({ image_id: 'img-ubuntu-24-04' })
  await t.rejects(image(web), { code: 'invalid_state', details: { state: 'pending' } })
  pass(2)
  const change = await images.create({ name: 'golden', node_id: web, tags: { a: 'b' } }, call())
  t.same(change.until, { states: ['available'] })
  const { id } = change.resources[0]!
  t.ok(cloud.ids['images']!.test(id))
  t.match(await getImage(id), { state: 'pending', provider_state: 'queued', size_bytes: null })
  t.same(await pointersOf(node({ image_id: id })), invalid('/image_id'))
  pass(1)
  t.match(await getImage(id), { state: 'pending', provider_state: 'saving' })
  pass(1)
  t.match(await getImage(id), {
    name: 'golden',
    state: 'available',
    provider_state: 'active',
    is_snapshot: true,
    visibility: 'private',
    owner: 'account',
    min_disk: 20,
    min_ram: 1024,
    size_bytes: 2_400_000_000,
    architecture: 'x86_64',
    os: { distro: 'ubuntu', version: '24.04' },
    tags: { a: 'b' }
  })
  t.same(
    await pointersOf(node({ image_id: id, size_id: 'dummy.tiny' })),
    invalid('/size_id', '/size_id'),
    'too little memory and disk'
  )
  t.same(await pointersOf(volume({ image_id: id, size: 19 })), invalid('/size'))
  await volume({ image_id: id, size: 20 })
  const made = await node({ image_id: id })
  pass(2)
  t.match(await getNode(made), { state: 'running', image_id: id })
  t.same((await images.destroy(id, call())).until, { states: [], gone: true })
  t.match(await getImage(id), { state: 'deleting', provider_state: 'pending_delete' })
  await images.destroy(id, call())
  t.same(await pointersOf(node({ image_id: id })), invalid('/image_id'))
  pass(2)
  await t.rejects(getImage(id), { code: 'resource_not_found' })
  t.match(await getNode(made), { state: 'running', image_id: id }, 'a node does not need the image it was made of')
  await nodes.resize(made, { size_id: 'dummy.large' }, call())
  t.same(await pointersOf(nodes.rebuild(web, { image_id: id }, call())), invalid('/image_id'))
})

t.test('images of the account can change, built-in images cannot', async (t) => {
  const { images, node, image } = await start(t)
  const id = await image(await node())
  t.match(await images.update(id, { name: 'silver', tags: { a: 'b' }, visibility: 'shared' }, call()), {
    name: 'silver', tags: { a: 'b' }, visibility: 'shared'
  })
  t.match(await images.update(id, { tags: { a: null } }, call()), { name: 'silver', visibility: 'shared' })
  await t.rejects(images.update('img-debian-12', { name: 'mine' }, call()), { code: 'provider_permission_denied' })
  await t.rejects(images.destroy('img-debian-12', call()), { code: 'provider_permission_denied' })
  await t.rejects(images.update('img-none', { name: 'x' }, call()), { code: 'resource_not_found' })
})

t.test('pages list the built-in images, then the images of the account', async (t) => {
  const { images, node, image } = await start(t, { page_size: 100 })
  const web = await node()
  const own = []
  for (let n = 0; n < 4; n++) own.push(await image(web))
  const wanted = ['img-debian-12', 'img-ubuntu-24-04', 'img-windows-2022', ...own]
  for (const limit of [1, 2, 3, 4, 5, 7, 100]) {
    const seen: string[] = []
    let token: string | null = null
    do {
      const page: Awaited<ReturnType<typeof images.list>> = await images.list({ ...query, limit, token }, call())
      t.equal(page.total, 7)
      t.ok(page.items.length <= limit)
      seen.push(...page.items.map(({ id }) => id))
      token = page.next
    } while (token !== null)
    t.same(seen, wanted, `pages of ${limit}`)
  }
  const { next } = await images.list({ ...query, limit: 5 }, call())
  await images.destroy(own[1]!, call())
  t.same(
    (await images.list({ ...query, token: next }, call())).items.map(({ id }) => id),
    own.slice(2),
    'the page continues after a deleted image'
  )
})

t.test('an upload computes the size and hash of the file and does not keep it', async (t) => {
  const pass = stopClock(t)
  const file = join(t.testdir(), 'state.json')
  const { images, getImage, node } = await start(t, { state_file: file, delay: 1 })
  const piece = Buffer.alloc(100_000, 'top secret ')
  const pieces = async function * () { for (let n = 0; n < 30; n++) yield piece }
  const change = await images.upload(
    { name: 'own', disk_format: 'qcow2', min_ram: 600, min_disk: 2, architecture: 'aarch64' }, pieces(), call()
  )
  t.same(change.until, { states: ['available'] })
  const { id } = change.resources[0]!
  t.match(await getImage(id), { state: 'pending', size_bytes: 3_000_000 })
  pass(1)
  const hash = createHash('sha256')
  for await (const one of pieces()) hash.update(one)
  t.match(await getImage(id, true), {
    name: 'own',
    state: 'available',
    size_bytes: 3_000_000,
    min_ram: 600,
    min_disk: 2,
    architecture: 'aarch64',
    is_snapshot: false,
    visibility: 'private',
    os: { family: null, distro: null, version: null },
    extra: { disk_format: 'qcow2', checksum: hash.digest('hex') }
  })
  t.notMatch(readFileSync(file, 'utf8'), /secret/)
  t.same(
    await pointersOf(node({ image_id: id, size_id: 'dummy.tiny' })),
    invalid('/size_id'),
    'the size has too little memory'
  )
})

t.test('an upload that is interrupted or too slow leaves no image', async (t) => {
  const { images } = await start(t)
  const input = { name: 'own', disk_format: 'raw' } as const
  const broken = async function * () {
    yield Buffer.from('half')
    throw new Error('aborted')
  }
  await t.rejects(images.upload(input, broken(), call()), { code: 'invalid_request', outcomeUnknown: false })
  let release = () => {}
  const endless = async function * () {
    yield Buffer.from('half')
    await new Promise<void>((resolve) => { release = resolve })
  }
  await t.rejects(images.upload(input, endless(), call({ timeout: 20 })), {
    code: 'provider_timeout', outcomeUnknown: false
  })
  release()
  const hasty = await start(t, { timeout: 0.02 })
  const standing = hasty.images.upload(input, endless(), call({ timeout: Infinity }))
  await t.rejects(standing, { code: 'invalid_request', message: /sent nothing of the file/, outcomeUnknown: false })
  release()
  const late = call()
  late.abort(new ProblemError('shutting_down', 'bye'))
  await t.rejects(images.upload(input, endless(), late), { code: 'shutting_down' })
  t.equal((await images.list(query, call())).total, 3, 'only the built-in images')
})

t.test('an import fetches nothing and ends with an image of unknown size', async (t) => {
  const pass = stopClock(t)
  const { images, getImage } = await start(t, { delays: { image: 4 } })
  const change = await images.import(
    { name: 'far', disk_format: 'iso', url: 'http://127.0.0.1:9/none.iso', min_disk: 1, tags: { a: 'b' } }, call()
  )
  const { id } = change.resources[0]!
  pass(2)
  t.match(await getImage(id), { state: 'pending', provider_state: 'importing' })
  pass(2)
  t.match(await getImage(id), {
    name: 'far', state: 'available', size_bytes: null, min_disk: 1, is_snapshot: false, tags: { a: 'b' }
  })
})

t.test('quotas are listed, and limit volumes and snapshots', async (t) => {
  const { cloud, node, volume, volumes, snapshot, snapshots, extend, quota } = await start(t, {
    quotas: { nodes: 3, volumes: 2, volume_storage: 10, snapshots: 1 }
  })
  const [id, other] = [await volume({ size: 4 }), await volume({ size: 3 })]
  await node()
  for (const [resource, limit, used, unit] of [
    ['nodes', 3, 1, 'count'], ['vcpus', null, 1, 'count'], ['ram', null, 2048, 'MiB'], ['volumes', 2, 2, 'count'],
    ['volume_storage', 10, 7, 'GiB'], ['snapshots', 1, 0, 'count']
  ] as const) t.same(await quota(resource), { resource, limit, used, unit })
  const all = (await cloud.quotas.list(call())).map(({ resource }) => resource)
  t.equal(new Set(all).size, all.length)
  await t.rejects(volume(), { code: 'provider_quota_exceeded', message: /volumes: 2 of 2/ })
  await t.rejects(extend(id, 8), { code: 'provider_quota_exceeded', message: /volume_storage: 7 of 10 used, 4 more/ })
  await extend(id, 7)
  await volumes.destroy(other, call())
  await t.rejects(volume({ size: 4 }), { code: 'provider_quota_exceeded', message: /volume_storage/ })
  const taken = await snapshot(id)
  await t.rejects(snapshot(id), { code: 'provider_quota_exceeded', message: /snapshots: 1 of 1/ })
  await t.rejects(node({ root_volume: { size: 4 } }), { code: 'provider_quota_exceeded', message: /volume_storage/ })
  await snapshots.destroy(taken, call())
  await snapshot(id)
  await t.rejects(node({ count: 3 }), { code: 'provider_quota_exceeded', message: /nodes: 1 of 3 used, 3 more/ })
  t.equal((await quota('nodes'))!.used, 1, 'none of the three nodes was created')
})

t.test('quotas limit networks and floating IPs', async (t) => {
  const { cloud, quota } = await start(t)
  const [networks, ips] = [(await quota('networks'))!, (await quota('floating_ips'))!]
  t.match([networks, ips], [{ limit: null }, { limit: null, used: 0 }])
  const tight = await start(t, { quotas: { networks: networks.used! + 1, floating_ips: 1 } })
  await tight.cloud.networks.create!({ name: 'one' }, call())
  await t.rejects(tight.cloud.networks.create!({ name: 'two' }, call()), {
    code: 'provider_quota_exceeded', message: /networks/
  })
  await tight.cloud.floating_ips.create!({}, call())
  await t.rejects(tight.cloud.floating_ips.create!({}, call()), {
    code: 'provider_quota_exceeded', message: /floating_ips: 1 of 1/
  })
  t.equal((await tight.quota('networks'))!.used, networks.used! + 1)
  t.ok((await cloud.networks.list(query, call())).total! > networks.used!, 'an external network does not count')
})

t.test('one create adds several nodes, all or none', async (t) => {
  const { nodes, node, getNode, cloud } = await start(t)
  const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
  const { resources, until } = await nodes.create({ ...input, count: 3 }, call({ operation: 'op-1' }))
  t.same(until, { states: ['running'] })
  t.same(await Promise.all(resources.map(async ({ id }) => (await getNode(id)).name)), ['web-1', 'web-2', 'web-3'])
  const addresses = await Promise.all(resources.map(async ({ id }) => (await getNode(id)).private_ips))
  t.equal(new Set(addresses.flat()).size, addresses.flat().length, 'all addresses are different')
  t.same(await nodes.findCreated({ id: 'op-1', input }, new Date(), call()), resources)
  t.equal((await getNode(await node({ count: 1 }))).name, 'web', 'a single node has the name without a number')

  const network = await cloud.networks.create!({ name: 'small' }, call())
  const subnet = await cloud.subnets.create!({ network_id: network.id, cidr: '10.9.9.0/30' }, call())
  const before = (await nodes.list(query, call())).total
  const many = nodes.create(
    { ...input, count: 4, networks: [{ subnet_id: subnet.id }], root_volume: {} }, call({ operation: 'op-2' })
  )
  await t.rejects(many, { code: 'provider_capacity' })
  t.equal((await nodes.list(query, call())).total, before)
  t.equal((await cloud.volumes.list(query, call())).total, 0)
  t.same(await nodes.findCreated({ id: 'op-2', input }, new Date(), call()), [])
  t.same(
    await pointersOf(node({ count: 2, networks: [{ subnet_id: subnet.id, fixed_ip: '10.9.9.2' }] })),
    invalid('/networks/0/fixed_ip')
  )
})

t.test('a node can boot from a volume, which is deleted with it by default', async (t) => {
  const pass = stopClock(t)
  const { node, nodes, volumes, getNode, getVolume, snapshot, detach } = await start(t, { delay: 4 })
  const rootOf = async (id: string) => (await getNode(id)).volume_ids![0]!
  const web = await node({ root_volume: {}, image_id: 'img-windows-2022', size_id: 'dummy.medium' })
  const tiny = await node({
    root_volume: { size: 9, type: 'fast', delete_on_termination: false },
    image_id: 'img-ubuntu-24-04',
    size_id: 'dummy.small'
  })
  pass(2)
  t.match(await getNode(web), { state: 'pending', provider_task_state: 'block_device_mapping' })
  t.match(await getVolume(await rootOf(web)), {
    state: 'creating', provider_state: 'downloading', attachments: [{ state: 'creating' }]
  })
  pass(2)
  t.match(await getVolume(await rootOf(web)), {
    state: 'in_use',
    size: 40,
    type: 'standard',
    bootable: true,
    image_id: 'img-windows-2022',
    attachments: [{ node_id: web, device: '/dev/vda' }]
  })
  const kept = await rootOf(tiny)
  t.match(await getVolume(kept), { size: 9, type: 'fast' })
  await t.rejects(detach(kept), { code: 'in_use', message: /root disk/ })
  const held = await node({ root_volume: { delete_on_termination: true } })
  pass(4)
  const snapped = await rootOf(held)
  await snapshot(snapped)
  for (const id of [web, tiny, held]) await nodes.destroy(id, call())
  pass(4)
  const { items } = await volumes.list(query, call())
  t.same(
    items.map(
      ({ id, state }) => [id, state]
    ), [[kept, 'available'], [snapped, 'available']], 'a root volume with snapshots is not deleted'
  )
})

t.test('for a node with a root volume, the size of the volume counts instead of the disk', async (t) => {
  const { node, nodes, volumes, getNode } = await start(t)
  const windows = { image_id: 'img-windows-2022', size_id: 'dummy.medium' }
  t.same(
    await pointersOf(node({ ...windows, root_volume: { size: 39, type: 'none' } })),
    invalid('/root_volume/size', '/root_volume/type')
  )
  const small = await node({ image_id: 'img-ubuntu-24-04', size_id: 'dummy.medium', root_volume: { size: 100 } })
  await nodes.resize(small, { size_id: 'dummy.small' }, call())
  const broken = await node({ size_id: 'dummy.impossible', root_volume: {} })
  t.same((await getNode(broken)).volume_ids, [], 'a node without a host has no disk')
  t.equal((await volumes.list(query, call())).total, 1)
})

t.test('a console returns the boot log or the address of the screen', async (t) => {
  const pass = stopClock(t)
  const { node, nodes } = await start(t, { delay: 1 })
  const web = await node({ name: 'frontend' })
  const text = await nodes.console(web, 'text', call())
  t.same(text, { kind: 'text', text: '', url: null, expires_at: null }, 'the log is empty before the first launch')
  await t.rejects(nodes.console(web, 'url', call()), { code: 'invalid_state', details: { state: 'pending' } })
  pass(1)
  t.match(await nodes.console(web, 'text', call()), { text: /Debian 12 on node frontend[^]*frontend login: $/ })
  t.match(await nodes.console(web, 'url', call()), {
    kind: 'url',
    text: null,
    url: new RegExp(`^https://console\\.dummy\\.invalid/nodes/${web}\\?token=[0-9a-f]{32}$`),
    expires_at: '2026-05-01T12:10:01.000Z'
  })
  await nodes.stop(web, {}, call())
  pass(1)
  await t.rejects(nodes.console(web, 'url', call()), { code: 'invalid_state', details: { state: 'stopped' } })
  await t.rejects(nodes.console('node-00000000', 'text', call()), { code: 'resource_not_found' })
})

t.test('a lost create is found by its operation, which is not shown', async (t) => {
  const faults = ['volumes', 'snapshots', 'images'].map(
    (service) => ({ on: `${service}.create`, when: 'after', kind: 'unavailable', times: 1, skip: 1 })
  )
  const { cloud, volume, volumes, snapshots, snapshot, images, image, node } = await start(t, { faults })
  const [id, web] = [await volume(), await node()]
  await snapshot(id)
  await image(web)
  const lost = { code: 'provider_unavailable', outcomeUnknown: true }
  const inputs = { volumes: { size: 1 }, snapshots: { volume_id: id }, images: { name: 'golden', node_id: web } }
  await t.rejects(volumes.create(inputs.volumes, call({ operation: 'op-1' })), lost)
  await t.rejects(snapshots.create(inputs.snapshots, call({ operation: 'op-1' })), lost)
  await t.rejects(images.create(inputs.images, call({ operation: 'op-1' })), lost)
  for (const [name, kind] of [['volumes', 'volume'], ['snapshots', 'snapshot'], ['images', 'image']] as const) {
    const service = cloud[name] as Required<VolumeService>
    const find = (operation: string) =>
      service.findCreated({ id: operation, input: inputs[name] as VolumeCreate }, new Date(), call())
    t.same(await find('op-2'), [])
    const [found, ...more] = await find('op-1')
    t.match(found, { kind, id: String })
    t.same(more, [])
    t.notMatch(JSON.stringify(await service.get(found!.id, { extra: true }, call())), /op-1/)
    await service.destroy(found!.id, call())
    t.same(await find('op-1'), [found], `a ${kind} that has gone is found too`)
  }
})

t.test('all resources are valid in the model, and all ids match their patterns', async (t) => {
  const ajv = new Ajv({ strict: false, schemas: models })
  formats.default(ajv)
  const { cloud, node, volume, attach, snapshot, image } = await start(t)
  const web = await node({ root_volume: {} })
  const id = await volume({ name: 'data', tags: { a: 'b' } })
  await attach(id, web)
  await snapshot(id)
  await image(web)
  for (const [schema, service] of [
    ['Volume', 'volumes'],
    ['VolumeType', 'volume_types'],
    ['Snapshot', 'snapshots'],
    ['Image', 'images'],
    ['Node', 'nodes']
  ] as const) {
    const validate = ajv.getSchema(schema)!
    for (const extra of [false, true]) {
      const { items } = await (cloud[service] as ReadService<{ id: string, self: string }>).list(
        { ...query, extra }, call()
      )
      t.ok(items.length > 0)
      for (const item of items) {
        t.ok(validate(item), ajv.errorsText(validate.errors))
        t.ok(cloud.ids[service]!.test(item.id), item.id)
        t.equal(item.self, `/api/v2/clouds/default/${service.replace('_', '-')}/${item.id}`)
        t.equal('extra' in item, extra)
      }
    }
  }
})

t.test('the state file keeps volumes, snapshots and images, and changes go on while the server is down', async (t) => {
  const pass = stopClock(t)
  const file = join(t.testdir(), 'state.json')
  const before = await start(t, { state_file: file, delay: 10 })
  const [web, id] = [await before.node(), await before.volume()]
  pass(10)
  await before.attach(id, web)
  const made = await before.image(web)
  pass(10)
  const taken = await before.snapshot(id)
  const after = await start(t, { state_file: file, delay: 10 })
  t.same((await after.getNode(web)).volume_ids, [id])
  t.match(await after.getSnapshot(taken), { state: 'creating' })
  pass(10)
  t.match(await after.getSnapshot(taken), { state: 'available' })
  t.match(await after.getImage(made), { state: 'available' })
  await after.nodes.destroy(web, call())
  // No request reads the store while the node ends.
  pass(10)
  const last = await start(t, { state_file: file, delay: 10 })
  t.match(await last.getVolume(id), { state: 'available', attachments: [] })
})

t.test('faults and latency apply to every service', async (t) => {
  const on = [
    'volumes.attach', 'volume_types.list', 'snapshots.destroy', 'images.upload', 'quotas.list', 'nodes.console'
  ]
  const { cloud, volume, volumes, snapshots, images, nodes, node } = await start(t, {
    faults: on.map((on) => ({ on, kind: 'error' }))
  })
  const [id, web] = [await volume(), await node()]
  const nothing = async function * () {}
  const asked: Array<() => Promise<unknown>> = [
    () => volumes.attach(id, { node_id: web }, call()),
    () => cloud.volume_types.list(query, call()),
    () => snapshots.destroy('snap-00000000', call()),
    () => images.upload({ name: 'own', disk_format: 'raw' }, nothing(), call()),
    () => cloud.quotas.list(call()),
    () => nodes.console(web, 'text', call())
  ]
  for (const ask of asked) await t.rejects(ask, { code: 'provider_error', message: /faults/ })
  const slow = await start(t, { latency: 0.05 })
  const since = performance.now()
  await slow.volume()
  t.ok(performance.now() - since >= 45)
})
