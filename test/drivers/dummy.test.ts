import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as immediate } from 'node:timers/promises'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { openCall } from '../../drivers/call.ts'
import { capabilitiesOf, type Change, type Connection, type NodeService } from '../../drivers/driver.ts'
import dummy from '../../drivers/dummy/index.ts'
import { turnOver } from '../../drivers/common/turns.ts'
import {
  models, nodeVerbs, ProblemError, type Node, type NodeAction, type NodeCreate, type NodeUpdate
} from '../../openapi/model/index.ts'

const log = Fastify().log
const call = (options: { timeout?: number, operation?: string } = {}) =>
  openCall({ timeout: 1000, log, requestId: 't', ...options })

/** Starts a new cloud. By default its changes take effect at once, and it has no state file. */
async function start (t: Test, settings: Record<string, unknown> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(dummy, { name: 'default', state_file: null, delay: 0, ...settings })
  const cloud = fastify.clouds['default'] as Connection & Required<Pick<Connection, 'images' | 'sizes' | 'locations'>>
  return Object.assign(clientOf(cloud.nodes as Required<NodeService>), { cloud, fastify })
}

const input = (more: Partial<NodeCreate> = {}): NodeCreate =>
  ({ name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small', ...more })
const query = { limit: 100, token: null, filters: {}, extra: false }
const inputs: Record<string, object> = {
  reboot: { type: 'hard' }, resize: { size_id: 'dummy.large' }, rebuild: { image_id: 'img-ubuntu-24-04' }
}

function clientOf (nodes: Required<NodeService>) {
  const get = (id: string, extra = false) => nodes.get(id, { extra }, call())
  return {
    nodes,
    get,
    list: (more: Partial<typeof query> | object = {}) => nodes.list({ ...query, ...more }, call()),
    create: (more: Partial<NodeCreate> = {}, options = {}) => nodes.create(input(more), call(options)),
    async created (more: Partial<NodeCreate> = {}) {
      const { resources } = await nodes.create(input(more), call())
      return resources[0]!.id
    },
    update: (id: string, patch: NodeUpdate) => nodes.update(id, patch, call()),
    act: (id: string, action: NodeAction, given = inputs[action] ?? {}): Promise<Change> =>
      action === 'destroy' ? nodes.destroy(id, call()) : nodes[action](id, given as never, call())
  }
}

/** Stops the clock. Returns a function that advances it by seconds. */
function stopClock (t: Test) {
  let now = Date.parse('2026-05-01T12:00:00.000Z')
  t.intercept(Date, 'now', { value: () => now })
  return (seconds: number) => { now += seconds * 1000 }
}

/** The statuses and tasks of Nova that this cloud knows, each with its state and allowed actions. */
const machine: ReadonlyArray<readonly [string, Node['state'], string]> = [
  ['BUILD', 'pending', 'destroy'],
  ['BUILD/scheduling', 'pending', 'destroy'],
  ['BUILD/block_device_mapping', 'pending', 'destroy'],
  ['BUILD/networking', 'pending', 'destroy'],
  ['BUILD/spawning', 'pending', 'destroy'],
  ['SHUTOFF/powering-on', 'starting', 'destroy'],
  ['SUSPENDED/resuming', 'starting', 'reboot destroy'],
  ['PAUSED/unpausing', 'starting', 'reboot destroy'],
  ['SHELVED_OFFLOADED/unshelving', 'starting', 'destroy'],
  ['SHELVED_OFFLOADED/spawning', 'starting', 'destroy'],
  ['SOFT_DELETED/restoring', 'starting', 'destroy'],
  ['ACTIVE', 'running', 'stop reboot pause suspend shelve rescue resize rebuild destroy'],
  ['ACTIVE/image_snapshot', 'running', 'destroy'],
  ['VERIFY_RESIZE', 'running', 'confirm_resize revert_resize destroy'],
  ['REBOOT', 'rebooting', 'destroy'],
  ['REBOOT/reboot_started', 'rebooting', 'reboot destroy'],
  ['HARD_REBOOT/rebooting_hard', 'rebooting', 'reboot destroy'],
  ['ACTIVE/powering-off', 'stopping', 'destroy'],
  ['ACTIVE/powering_off', 'stopping', 'destroy'],
  ['ACTIVE/suspending', 'stopping', 'reboot destroy'],
  ['ACTIVE/pausing', 'stopping', 'reboot destroy'],
  ['ACTIVE/shelving', 'stopping', 'destroy'],
  ['SHELVED/shelving_offloading', 'stopping', 'destroy'],
  ['SHUTOFF', 'stopped', 'start reboot shelve rescue resize rebuild destroy'],
  ['SUSPENDED', 'suspended', 'reboot resume shelve destroy'],
  ['SHELVED', 'suspended', 'resume destroy'],
  ['SHELVED_OFFLOADED', 'suspended', 'resume destroy'],
  ['PAUSED', 'paused', 'reboot resume shelve destroy'],
  ['RESCUE', 'rescued', 'unrescue destroy'],
  ['RESIZE', 'reconfiguring', 'destroy'],
  ['RESIZE/resize_finish', 'reconfiguring', 'destroy'],
  ['VERIFY_RESIZE/resize_confirming', 'reconfiguring', 'destroy'],
  ['REVERT_RESIZE', 'reconfiguring', 'destroy'],
  ['REBUILD/rebuild_spawning', 'reconfiguring', 'destroy'],
  ['PASSWORD/updating_password', 'reconfiguring', 'destroy'],
  ['ACTIVE/rescuing', 'reconfiguring', 'destroy'],
  ['RESCUE/unrescuing', 'reconfiguring', 'destroy'],
  ['MIGRATING', 'migrating', 'destroy'],
  ['ACTIVE/migrating', 'migrating', 'destroy'],
  ['ACTIVE/deleting', 'terminating', ''],
  ['ERROR/soft-deleting', 'terminating', ''],
  ['DELETED', 'terminated', ''],
  ['SOFT_DELETED', 'terminated', 'restore'],
  ['ERROR', 'error', 'stop reboot rescue rebuild destroy'],
  ['UNKNOWN', 'unknown', [...nodeVerbs, 'destroy'].join(' ')],
  ['HAUNTED', 'unknown', [...nodeVerbs, 'destroy'].join(' ')],
  ['SHUTOFF/haunting', 'stopped', 'destroy']
]

t.test('each status and task of Nova maps to a state and its allowed actions', async (t) => {
  const { list } = await start(t, { nodes: machine.length, provider_states: machine.map(([status]) => status) })
  const { items } = await list()
  for (const [i, [status, state, allowed]] of machine.entries()) {
    t.match(
      items[i],
      { provider_state: status.split('/')[0], state, provider_task_state: status.split('/')[1] ?? null },
      status
    )
    t.same([...items[i]!.allowed_actions].sort(), allowed.split(' ').filter(Boolean).sort(), `actions of ${status}`)
  }
})

t.test('an allowed action reaches its end, any other throws invalid_state', async (t) => {
  const actions: NodeAction[] = [...nodeVerbs, 'destroy']
  for (const [status, state, allowed] of machine) {
    const { list, act, get } = await start(t, { nodes: actions.length, provider_states: [status], seed: 4 })
    const { items } = await list()
    for (const [i, action] of actions.entries()) {
      const { id, allowed_actions: told, size_id: sizeId } = items[i]!
      const given = action === 'resize' && sizeId === 'dummy.large' ? { size_id: 'dummy.medium' } : inputs[action]
      const name = `${action} in ${status}`
      if (!allowed.split(' ').includes(action)) {
        await t.rejects(
          act(id, action, given), { code: 'invalid_state', details: { state, allowed_actions: told } }, name
        )
        continue
      }
      if (action === 'rebuild' && sizeId === 'dummy.tiny') {
        await t.rejects(act(id, action, given), { code: 'validation_failed' }, name)
        continue
      }
      const { resources, until } = await act(id, action, given)
      t.same(resources, [{ kind: 'node', id }], name)
      if (until.gone) {
        await t.rejects(get(id), { code: 'resource_not_found' }, name)
        continue
      }
      const node = await get(id)
      t.ok(until.states.includes(node.state) && !node.transitioning, `${name} ends in ${node.state}`)
      t.ok(until.provider_states?.includes(node.provider_state!) ?? true, `${name} ends in ${node.provider_state}`)
    }
  }
})

t.test('a change passes its stages by the clock', async (t) => {
  const stages: ReadonlyArray<readonly [string, NodeAction, string, string[], object?]> = [
    ['SHUTOFF', 'start', 'starting', ['SHUTOFF/powering-on', 'ACTIVE/']],
    ['ACTIVE', 'stop', 'stopping', ['ACTIVE/powering-off', 'SHUTOFF/']],
    ['ACTIVE', 'reboot', 'rebooting', ['REBOOT/rebooting', 'ACTIVE/'], {}],
    ['ACTIVE', 'reboot', 'rebooting', ['HARD_REBOOT/rebooting_hard', 'ACTIVE/'], { type: 'hard' }],
    ['ACTIVE', 'pause', 'stopping', ['ACTIVE/pausing', 'PAUSED/']],
    ['PAUSED', 'resume', 'starting', ['PAUSED/unpausing', 'ACTIVE/']],
    ['ACTIVE', 'suspend', 'stopping', ['ACTIVE/suspending', 'SUSPENDED/']],
    ['SUSPENDED', 'resume', 'starting', ['SUSPENDED/resuming', 'ACTIVE/']],
    ['ACTIVE', 'shelve', 'stopping',
      ['ACTIVE/shelving', 'ACTIVE/shelving_image_uploading', 'SHELVED/shelving_offloading', 'SHELVED_OFFLOADED/']],
    ['SHELVED_OFFLOADED', 'resume', 'starting', [
      'SHELVED_OFFLOADED/unshelving', 'SHELVED_OFFLOADED/spawning', 'ACTIVE/'
    ]],
    ['ACTIVE', 'rescue', 'reconfiguring', ['ACTIVE/rescuing', 'RESCUE/']],
    ['RESCUE', 'unrescue', 'reconfiguring', ['RESCUE/unrescuing', 'ACTIVE/']],
    ['ACTIVE', 'resize', 'reconfiguring',
      ['RESIZE/resize_prep', 'RESIZE/resize_migrating', 'RESIZE/resize_finish', 'VERIFY_RESIZE/'], {
        size_id: 'dummy.large'
      }],
    ['VERIFY_RESIZE', 'confirm_resize', 'reconfiguring', ['VERIFY_RESIZE/resize_confirming', 'ACTIVE/']],
    ['VERIFY_RESIZE', 'revert_resize', 'reconfiguring', ['REVERT_RESIZE/resize_reverting', 'ACTIVE/']],
    ['SHUTOFF', 'rebuild', 'reconfiguring', ['REBUILD/rebuilding', 'REBUILD/rebuild_spawning', 'SHUTOFF/'], {
      image_id: 'img-debian-12'
    }],
    ['SOFT_DELETED', 'restore', 'starting', ['SOFT_DELETED/restoring', 'ACTIVE/']]
  ]
  const pass = stopClock(t)
  for (const [from, action, passing, expected, given] of stages) {
    const { list, act, get } = await start(t, {
      nodes: 1, seed: 3, provider_states: [from], delay: 99, delays: { [action]: 12 }
    })
    const { id } = (await list()).items[0]!
    const { until } = await act(id, action, given)
    const seen: string[] = []
    for (const [i] of expected.entries()) {
      const node = await get(id)
      seen.push(`${node.provider_state}/${node.provider_task_state ?? ''}`)
      const last = i === expected.length - 1
      t.equal(node.state, last ? until.states[0] : passing, `${action}: ${seen.at(-1)}`)
      t.equal(node.progress, last ? null : Math.floor(100 * i / (expected.length - 1)), `${action}: progress`)
      t.equal(node.transitioning, !last)
      pass(12 / (expected.length - 1))
    }
    t.same(seen, expected, `${action} from ${from}`)
  }
})

t.test('a new node is pending without addresses, then running with an address of the private network', async (t) => {
  const pass = stopClock(t)
  const { create, get, list } = await start(t, { delay: 3 })
  const { resources: [ref], until } = await create(
    { tags: { env: 'prod' }, key_pair_name: 'dummy-key', availability_zone: 'local-b' }
  )
  t.same(until, { states: ['running'] })
  t.match(await get(ref!.id), {
    state: 'pending', provider_task_state: 'scheduling', addresses: { length: 0 }, progress: 0, launched_at: null
  })
  pass(2)
  t.match(await get(ref!.id), {
    state: 'pending', provider_task_state: 'spawning', progress: 66, private_ips: [/^10\.0\./], public_ips: []
  })
  pass(1)
  const node = await get(ref!.id)
  t.match(node, {
    name: 'web',
    state: 'running',
    provider_state: 'ACTIVE',
    progress: null,
    created_at: '2026-05-01T12:00:00.000Z',
    launched_at: '2026-05-01T12:00:03.000Z',
    tags: { env: 'prod' },
    availability_zone: 'local-b',
    key_pair_name: 'dummy-key',
    self: `/api/v2/clouds/default/nodes/${ref!.id}`
  })
  t.same(node.addresses.map(({ scope, network_id: id }) => [scope, id]), [['private', 'net-private']])
  await create(
    { networks: [{ network_id: 'net-private' }, { network_id: 'net-private' }, { network_id: 'net-public' }] }
  )
  pass(3)
  const { items } = await list()
  t.match(items[1], { public_ips: [/^198\.18\./], private_ips: { length: 2 } })
  const all = items.flatMap(({ addresses }) => addresses)
  for (const key of ['address', 'mac', 'nic_id'] as const) {
    t.equal(new Set(all.map((one) => one[key])).size, 4, `each ${key} is there once`)
  }
})

t.test('all resources are valid in the model, and an unchanged node is the same object', async (t) => {
  const ajv = new Ajv({ strict: false, schemas: models })
  formats.default(ajv)
  const { cloud, list, get, act } = await start(t, { nodes: 50, provider_states: ['ACTIVE', 'ERROR', 'SHUTOFF'] })
  for (const [schema, { items }] of [
    ['Node', await list()], ['Node', await list({ extra: true })], ['Image', await cloud.images.list(query, call())],
    ['Size', await cloud.sizes.list(query, call())],
    ['Location', await cloud.locations.list({ ...query, extra: true }, call())]
  ] as const) {
    const validate = ajv.getSchema(schema)!
    for (const item of items) {
      t.ok(validate(item), ajv.errorsText(validate.errors))
      t.ok(cloud.ids[`${schema.toLowerCase()}s`]!.test(item.id), item.id)
    }
  }
  const [first] = (await list()).items
  t.equal((await list()).items[0], first)
  t.notOk('extra' in first!)
  t.match(await get(first!.id, true), { extra: { status: 'ACTIVE' } })
  await act(first!.id, 'stop')
  t.equal(first!.state, 'running', 'the object returned before is unchanged')
  t.equal((await get(first!.id)).state, 'stopped')
})

t.test('the catalog lists images, sizes and locations', async (t) => {
  const { cloud } = await start(t, { page_size: 2, location: 'east' })
  const images = await cloud.images.list(query, call())
  t.match(images, { items: { length: 2 }, total: 3 })
  t.match(await cloud.images.list({ ...query, token: images.next }, call()), { items: { length: 1 }, next: null })
  t.match(await cloud.sizes.get('dummy.small', query, call()), {
    vcpus: 1, ram: 2048, disk: 20, price: { amount: '0.0070', currency: 'EUR' }
  })
  t.match(await cloud.locations.get('east-a', query, call()), { kind: 'zone', parent: 'east', location: 'east' })
  await t.rejects(cloud.images.get('img-none', query, call()), { code: 'resource_not_found' })
})

t.test('the capabilities are the methods', async (t) => {
  const { cloud } = await start(t)
  const capabilities = capabilitiesOf(cloud)
  // The conformance suite checks all of them.
  const some = [
    ...['list', 'get', 'create', 'update', 'destroy', ...nodeVerbs].map((name) => `nodes.${name}`),
    'images.list',
    'locations.get'
  ]
  t.same(some.filter((name) => !(name in capabilities)), [])
  t.notOk('nodes.findCreated' in capabilities)
  t.match(capabilities['nodes.create'], {
    parameters: ['name', 'image_id', 'size_id'], limits: { user_data_bytes: 16384 }
  })
  t.ok(capabilities['nodes.create']!.parameters.includes('count'))
})

t.test('a create reports every invalid field', async (t) => {
  const { create, list } = await start(t)
  const faults = async (more: Partial<NodeCreate>) => {
    const error = await create(more).then(() => undefined, (error: ProblemError) => error)
    t.equal(error?.code, 'validation_failed')
    return error?.details.errors?.map(({ pointer }) => pointer)
  }
  t.same(await faults({
    image_id: 'img-none',
    size_id: 'dummy.none',
    availability_zone: 'local-z',
    key_pair_name: 'none',
    networks: [{ network_id: 'net-private' }, { network_id: 'net-none' }]
  }), ['/size_id', '/image_id', '/availability_zone', '/key_pair_name', '/networks/1/network_id'])
  t.same(
    await faults({ image_id: 'img-windows-2022', size_id: 'dummy.small' }),
    ['/size_id', '/size_id'],
    'too little memory and disk'
  )
  t.same((await list()).items, [])
})

t.test('a node can end in the state error, with the reason', async (t) => {
  const { created, get, act } = await start(t)
  const impossible = await created({ size_id: 'dummy.impossible' })
  t.match(await get(impossible), {
    state: 'error', fault: { code: 'NoValidHost' }, addresses: { length: 0 }, launched_at: null
  })
  await t.rejects(act(impossible, 'reboot'), { code: 'invalid_state', details: { allowed_actions: ['destroy'] } })
  const failing = await created({ provider_options: { dummy: { fail: true } } })
  t.match(await get(failing), { state: 'error', fault: { code: '500' }, allowed_actions: ['destroy'] })
  const moved = await created()
  await act(moved, 'resize', { size_id: 'dummy.impossible' })
  t.match(await get(moved), { state: 'error', fault: { code: 'NoValidHost' } })
  await act(moved, 'reboot', { type: 'hard' })
  t.match(await get(moved), { state: 'running', fault: null }, 'its old host has it')
})

t.test('a rebuild repairs a node in the state error', async (t) => {
  const { list, get, act } = await start(t, { nodes: 1, provider_states: ['ERROR'], seed: 4 })
  const [{ id }] = (await list()).items as [Node]
  await act(id, 'rebuild')
  t.match(await get(id), { state: 'running', fault: null, image_id: 'img-ubuntu-24-04' })
})

t.test('a create returns the admin password once, without keeping it', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const { create, get } = await start(t, { state_file: file })
  const { secrets, resources } = await create(
    { provider_options: { dummy: { admin_password: true } }, user_data: 'password: hunter2' }
  )
  t.match(secrets, { admin_password: /^.{16}$/ })
  const kept = readFileSync(file, 'utf8') + JSON.stringify(await get(resources[0]!.id, true))
  t.notMatch(kept, secrets!['admin_password']!)
  t.notMatch(kept, /hunter2/)
  t.notOk('secrets' in await create())
})

t.test('a merge patch changes name and tags, and a protected node allows no change', async (t) => {
  const { created, update, act, get } = await start(t)
  const id = await created({ tags: { a: '1', b: '2' } })
  t.match(await update(id, { name: 'new', tags: { a: null, c: '3' }, protected: true }), {
    name: 'new', protected: true, tags: { a: undefined, b: '2', c: '3' }
  })
  t.same((await get(id)).tags, { b: '2', c: '3' })
  for (const action of ['stop', 'destroy'] as const) await t.rejects(act(id, action), { code: 'protected' })
  for (const patch of [{ name: 'x' }, { tags: { d: '' } }]) await t.rejects(update(id, patch), { code: 'protected' })
  t.match(await update(id, { protected: true }), { name: 'new' })
  t.match(await update(id, { protected: false, name: 'free' }), { name: 'free', protected: false })
  await act(id, 'destroy')
  await t.rejects(update(id, { name: 'x' }), { code: 'resource_not_found' })
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, '']))
  await t.rejects(update(await created({ tags: many }), { tags: { more: '' } }), {
    code: 'validation_failed', details: { errors: [{ pointer: '/tags' }] }
  })
})

t.test('a resize waits until it is confirmed or reverted, and a stopped node stays stopped', async (t) => {
  const { created, act, get } = await start(t)
  const id = await created()
  t.same((await act(id, 'resize')).until, { states: ['running'], provider_states: ['VERIFY_RESIZE'] })
  t.match(await get(id), { state: 'running', provider_state: 'VERIFY_RESIZE', size_id: 'dummy.large' })
  await act(id, 'revert_resize')
  t.match(await get(id), { provider_state: 'ACTIVE', size_id: 'dummy.small' })
  await act(id, 'stop')
  await act(id, 'resize')
  t.same((await act(id, 'confirm_resize')).until, { states: ['stopped'], provider_states: ['SHUTOFF'] })
  t.match(await get(id), { state: 'stopped', size_id: 'dummy.large' })
  for (const sizeId of ['dummy.large', 'dummy.none']) {
    await t.rejects(act(id, 'resize', { size_id: sizeId }), {
      code: 'validation_failed', details: { errors: [{ pointer: '/size_id' }] }
    })
  }
  await t.rejects(act(id, 'rebuild', { image_id: 'img-none' }), {
    code: 'validation_failed', details: { errors: [{ pointer: '/image_id' }] }
  })
})

t.test('only a running node allows a soft reboot', async (t) => {
  const { created, act } = await start(t)
  const id = await created()
  await act(id, 'reboot', {})
  await act(id, 'stop')
  await t.rejects(act(id, 'reboot', {}), { code: 'invalid_state', details: { state: 'stopped', hint: /hard/ } })
  await act(id, 'reboot', { type: 'hard' })
})

t.test('a destroyed node does not exist, or can be restored for soft_delete_seconds', async (t) => {
  const pass = stopClock(t)
  const { created, act, get, list } = await start(t, { soft_delete_seconds: 60, delays: { destroy: 2 } })
  const id = await created()
  t.same((await act(id, 'destroy')).until, { states: [], gone: true })
  t.match(await get(id), { state: 'terminating', provider_task_state: 'soft-deleting' })
  pass(2)
  t.match(await get(id), { state: 'terminated', provider_state: 'SOFT_DELETED', allowed_actions: ['restore'] })
  await act(id, 'restore')
  pass(3600)
  t.match(await get(id), { state: 'running' })
  await act(id, 'destroy')
  pass(61.9)
  t.match(await get(id), { state: 'terminated' })
  pass(0.1)
  await t.rejects(get(id), { code: 'resource_not_found' })
  t.same((await list()).items, [])
})

t.test('seeded nodes are the same for the same seed, and transitional states last delays.seeded', async (t) => {
  const pass = stopClock(t)
  const settings = { nodes: 4, provider_states: ['MIGRATING', 'ACTIVE/deleting'], delays: { seeded: 5 } }
  const [one, same, other] = await Promise.all(
    [settings, settings, { ...settings, seed: 2 }].map((settings) => start(t, settings))
  )
  const { items } = await one!.list()
  t.same(items.map(({ name }) => name), ['node-0001', 'node-0002', 'node-0003', 'node-0004'])
  t.same((await same!.list()).items, items)
  t.notSame((await other!.list()).items.map(({ id }) => id), items.map(({ id }) => id))
  pass(5)
  t.same(
    (await one!.list()).items.map(({ name, state }) => [name, state]),
    [['node-0001', 'running'], ['node-0003', 'running']]
  )
})

t.test('the pages of 10,000 nodes contain each node once', async (t) => {
  const { list } = await start(t, { nodes: 10_000, page_size: 1000 })
  const seen = new Set<string>()
  let token: string | null = null
  let pages = 0
  do {
    const { items, next, total }: Awaited<ReturnType<typeof list>> = await list({ limit: 1000, token })
    t.equal(total, 10_000)
    for (const { id } of items) seen.add(id)
    token = next
    pages++
  } while (token !== null)
  t.equal(seen.size, 10_000)
  t.equal(pages, 10)
})

t.test('a page begins after the page before, also if its last node was destroyed', async (t) => {
  const { list, act, created } = await start(t, { nodes: 6, page_size: 2 })
  const first = await list({ limit: 100 })
  t.equal(first.items.length, 2, 'page_size limits the page')
  t.equal((await list({ limit: 1 })).items.length, 1)
  const next = await list({ token: first.next, limit: 1 })
  for (const { id } of [...first.items, ...next.items]) await act(id, 'destroy')
  await created({ name: 'late' })
  const second = await list({ token: first.next })
  t.same(second.items.map(({ name }) => name), ['node-0004', 'node-0005'])
  const third = await list({ token: second.next })
  t.same(third.items.map(({ name }) => name), ['node-0006', 'late'])
  t.equal(third.next, null)
  for (const token of ['', 'x', 'after-', 'after-1x', 'after--1']) {
    await t.rejects(list({ token }), { code: 'invalid_request' }, token)
  }
})

t.test('the driver filters by state and name over all pages', async (t) => {
  const { cloud, list } = await start(t, { nodes: 30, provider_states: ['ACTIVE', 'SHUTOFF', 'ERROR'], page_size: 4 })
  t.same(capabilitiesOf(cloud)['nodes.list']!.filters, ['state', 'name'])
  const names = async (filters: object) => {
    const found: string[] = []
    let token: string | null = null
    do {
      const { items, next }: Awaited<ReturnType<typeof list>> = await list({ filters, token })
      found.push(...items.map(({ name }) => name!))
      token = next
    } while (token !== null)
    return found.length
  }
  t.equal(await names({ state: ['stopped'] }), 10)
  t.equal(await names({ state: ['stopped', 'error'] }), 20)
  t.equal(await names({ state: ['stopped'], name: ['node-0002', 'node-0003'] }), 1)
  t.equal(await names({ name: ['node-001*'] }), 10)
  t.equal(await names({ name: ['*-*1*'] }), 12)
  t.equal(await names({ name: ['node-0001*1'] }), 0)
  t.equal(await names({ tag: ['env=none'] }), 30)
})

t.test('quotas limit new and resized nodes', async (t) => {
  const { create, created, act } = await start(t, { quotas: { nodes: 2, vcpus: 5, ram: 9000 } })
  const id = await created()
  await t.rejects(act(id, 'resize', { size_id: 'dummy.impossible' }), {
    code: 'provider_quota_exceeded', message: /vcpus.*ram/
  })
  await act(id, 'resize', { size_id: 'dummy.large' })
  await t.rejects(create(), { code: 'provider_quota_exceeded', message: /ram: 8192 of 9000/ })
  await act(id, 'revert_resize')
  await create()
  await t.rejects(create(), { code: 'provider_quota_exceeded', message: /nodes: 2 of 2/ })
  await act(id, 'destroy')
  await create()
  const over = await start(t, { nodes: 1, seed: 7, quotas: { ram: 600 } })
  const [large] = (await over.list()).items
  t.equal(large!.size_id, 'dummy.large')
  t.ok(
    await over.act(large!.id, 'resize', { size_id: 'dummy.medium' }),
    'a smaller size is allowed although the quota is exceeded'
  )
})

t.test('a lost create is found by its operation, also after its node was destroyed', async (t) => {
  const { nodes, create, list, get, act } = await start(t, {
    faults: [{ on: 'nodes.create', when: 'after', kind: 'unavailable', times: 2 }]
  })
  const lost = { id: 'op-1', input: input() }
  const find = () => nodes.findCreated(lost, new Date(), call())
  t.same(await find(), [])
  await t.rejects(create({}, { operation: 'op-2' }), { code: 'provider_unavailable', outcomeUnknown: true })
  t.same(await find(), [])
  await t.rejects(create({}, { operation: 'op-1' }), { code: 'provider_unavailable', outcomeUnknown: true })
  const [, made] = (await list()).items
  t.same(await find(), [{ kind: 'node', id: made!.id }])
  t.notMatch(JSON.stringify(await get(made!.id, true)), /op-1/)
  await act(made!.id, 'destroy')
  t.same(await find(), [{ kind: 'node', id: made!.id }])
})

t.test('faults apply to the calls that their rules select', async (t) => {
  const kinds = {
    error: 'provider_error',
    rate_limited: 'provider_rate_limited',
    unavailable: 'provider_unavailable',
    auth_failed: 'provider_auth_failed',
    permission_denied: 'provider_permission_denied',
    reset: 'provider_unavailable'
  }
  for (const [kind, code] of Object.entries(kinds)) {
    const { create, list, cloud } = await start(t, {
      faults: [
        { on: 'nodes.create', kind, skip: 1, times: 1, retry_after: 7 }, { on: 'images.*', kind },
        { on: 'check', kind },
        { on: 'nodes.list', when: 'after', kind, skip: 1, times: 1 }
      ]
    })
    await create()
    await t.rejects(create(), { code, details: { retry_after: 7 }, outcomeUnknown: kind === 'reset' }, kind)
    await create()
    t.equal((await list()).items.length, 2, `${kind} before: nothing was made`)
    await t.rejects(list(), { code, outcomeUnknown: false })
    await t.rejects(cloud.images.list(query, call()), { code })
    await t.rejects(cloud.check(call()), { code })
    t.equal((await cloud.sizes.list(query, call())).items.length, 5)
  }
  t.test('faults with a probability are drawn from the seed', async (t) => {
    const outcomes = async (seed: number) => {
      const { list } = await start(t, { seed, faults: [{ on: '*', kind: 'error', probability: 0.5 }] })
      return (await Promise.allSettled(Array.from({ length: 100 }, () => list()))).map(({ status }) => status)
    }
    const drawn = await outcomes(1)
    t.same(await outcomes(1), drawn)
    t.notSame(await outcomes(2), drawn)
    const failed = drawn.filter((status) => status === 'rejected').length
    t.ok(failed > 30 && failed < 70, `${failed} of 100 failed`)
  })
})

t.test('a call that hangs ends at its deadline', async (t) => {
  const { list, nodes, created } = await start(t, {
    faults: [
      { on: 'nodes.get', kind: 'hang' }, { on: 'nodes.create', when: 'after', kind: 'hang', times: 1 },
      { on: 'nodes.update', kind: 'hang' }
    ]
  })
  await t.rejects(nodes.get('node-00000000', query, call({ timeout: 20 })), {
    code: 'provider_timeout', outcomeUnknown: false
  })
  await t.rejects(nodes.create(input(), call({ timeout: 20 })), { code: 'provider_timeout', outcomeUnknown: true })
  t.equal((await list()).items.length, 1)
  const one = call()
  const hanging = nodes.update(await created(), { name: 'x' }, one)
  one.abort(new ProblemError('shutting_down', 'bye', { retry_after: 3 }))
  await t.rejects(hanging, { code: 'shutting_down', message: 'bye', details: { retry_after: 3 }, outcomeUnknown: true })
  t.equal((await list({ filters: { name: ['x'] } })).items.length, 0, 'the cloud changed nothing')
})

t.test('every call waits for the latency, and can be aborted', async (t) => {
  const { list, nodes, cloud } = await start(t, { latency: 0.05, max_in_flight: 2 })
  const since = performance.now()
  await list()
  t.ok(performance.now() - since >= 45)
  await t.rejects(nodes.list(query, call({ timeout: 10 })), { code: 'provider_timeout', outcomeUnknown: false })
  await t.rejects(nodes.create(input(), call({ timeout: 10 })), { code: 'provider_timeout', outcomeUnknown: true })
  t.equal((await list()).items.length, 1, 'the cloud had created the node')
  await t.rejects(nodes.create(input({ image_id: 'img-none' }), call()), { code: 'validation_failed' })
  const [first, second, waiting] = [call(), call(), call({ timeout: 10 })]
  const both = Promise.all([first, second].map((one) => cloud.check(one)))
  await t.rejects(
    nodes.create(input(), waiting),
    { code: 'provider_timeout', outcomeUnknown: false },
    'a queued change was not sent'
  )
  await both
})

t.test('without latency and faults, no call creates its signal', async (t) => {
  const { nodes, cloud } = await start(t, { nodes: 3 })
  const quiet = { log, requestId: 't', get signal (): AbortSignal { throw new Error('asked for') } }
  await t.resolves(nodes.list(query, quiet))
  await t.resolves(nodes.create(input(), quiet))
  await t.resolves(cloud.sizes.list(query, quiet))
  await t.resolves(cloud.check(quiet))
})

t.test('the state file keeps nodes, and changes continue while the server is down', async (t) => {
  const pass = stopClock(t)
  const file = join(t.testdir(), 'deep', 'state.json')
  const before = await start(t, { state_file: file, delay: 10, nodes: 2 })
  const id = await before.created({ tags: { a: 'b' } })
  const [seeded] = (await before.list()).items
  await before.act(seeded!.id, 'destroy')
  t.equal(statSync(file).mode & 0o777, 0o600)
  pass(10)
  // The first server was not closed: killing it loses nothing.
  const after = await start(t, { state_file: file, delay: 10, nodes: 2 })
  const { items } = await after.list()
  t.same(items.map(({ name, state }) => [name, state]), [['node-0002', 'running'], ['web', 'running']])
  t.same(items, (await before.list()).items)
  const { resources: [next] } = await after.create()
  pass(10)
  const all = (await after.list()).items
  t.equal(all.at(-1)!.id, next!.id)
  t.equal(new Set(all.flatMap(({ addresses }) => addresses.map(({ address }) => address))).size, 4)
  after.cloud.refresh()
  t.equal((await after.get(id)).state, 'running')
})

t.test('concurrent changes are in the state file when they are answered', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const { created, act } = await start(t, { state_file: file })
  const making: Array<Promise<string>> = []
  for (let i = 0; i < 50; i++) {
    making.push(created())
    // Half of the creates start together, the others during a write.
    if (i % 2 === 0) await immediate()
  }
  const ids = await Promise.all(making)
  await Promise.all(ids.slice(0, 25).map((id) => act(id, 'destroy')))
  const again = await start(t, { state_file: file })
  t.same((await again.list()).items.map(({ id }) => id), ids.slice(25))
})

t.test('after the last address the first is assigned, and no two nodes have the same address', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const before = await start(t, { state_file: file, nodes: 2 })
  const [zero, one] = (await before.list()).items
  await before.act(one!.id, 'destroy')
  // Continue after as many nodes as the private network has addresses.
  writeFileSync(file, readFileSync(file, 'utf8').replace('"next_seq":2', `"next_seq":${2 ** 16 - 3}`))
  const { created, get } = await start(t, { state_file: file })
  t.same((await get(await created())).private_ips, one!.private_ips, 'the address of a destroyed node is free')
  t.same(zero!.private_ips, ['10.0.0.2'])
  t.same((await get(await created())).private_ips, ['10.0.0.4'])
})

t.test('a server that is killed leaves a complete state file with all answered changes', async (t) => {
  const file = join(t.testdir(), 'state.json')
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const server = spawn(process.execPath, ['--input-type=module', '-e', `
    import Fastify from ${JSON.stringify(import.meta.resolve('fastify'))}
    import dummy from ${at('../../drivers/dummy/index.js')}
    const fastify = Fastify()
    await fastify.register(dummy, { name: 'default', state_file: ${JSON.stringify(file)}, delay: 0, nodes: 2000 })
    for (;;) {
      const { nodes } = fastify.clouds.default
      const { resources: [{ id }] } = await nodes.create(${JSON.stringify(input())}, { requestId: 't' })
      process.stdout.write(id + '\\n')
    }`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const answered: string[] = []
  for await (const id of createInterface(server.stdout)) {
    answered.push(id)
    if (answered.length === 20) server.kill('SIGKILL')
  }
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  t.equal(server.signalCode, 'SIGKILL')
  const { get, list } = await start(t, { state_file: file })
  t.ok((await list()).total! >= 2020)
  for (const id of answered) t.equal((await get(id)).state, 'running')
})

t.test('an unreadable or damaged state file is an error with its path', async (t) => {
  const directory = t.testdir({ 'state.json': '{"version":1,"nodes":[{', 'a-file': '' })
  const file = join(directory, 'state.json')
  const { list, cloud } = await start(t, { state_file: file, nodes: 1 })
  for (const damaged of [
    '{"version":1,"nodes":[{', '{"version":1,"next_seq":1,"departed":[],"nodes":[{"id":"x"}]}', '{"version":2}', ''
  ]) {
    writeFileSync(file, damaged)
    await t.rejects(list(), { code: 'provider_error', message: new RegExp(file) })
    await t.rejects(cloud.check(call()), { code: 'provider_error' })
    t.equal(readFileSync(file, 'utf8'), damaged, 'the file is unchanged')
  }
  writeFileSync(file, '{"version":1,"next_seq":1,"departed":[],"nodes":[]}')
  t.same((await list()).items, [], 'the next use reads the repaired file')
  const unreadable = await start(t, { state_file: directory })
  await t.rejects(unreadable.list(), { code: 'provider_error', message: /EISDIR/ })
  const nowhere = await start(t, { state_file: join(directory, 'a-file', 'state.json') })
  await t.rejects(nowhere.list(), { code: 'provider_error', message: /ENOTDIR/ })
})

t.test('a change that cannot be written has an unknown outcome', async (t) => {
  const directory = join(t.testdir(), 'folder')
  const { create, list } = await start(t, { state_file: join(directory, 'state.json') })
  await list()
  writeFileSync(directory, 'a file where the folder should be')
  await t.rejects(create(), { code: 'provider_error', message: /folder.*cannot be written/, outcomeUnknown: true })
  t.equal((await list()).items.length, 1)
  rmSync(directory)
  await create()
  t.match(
    readFileSync(
      join(directory, 'state.json'), 'utf8'
    ), (await list()).items[0]!.id, 'the next write contains the change'
  )
})

t.test('the default path of the state file is beside the store', async (t) => {
  const source = { cloud: 'east', directory: '/etc/orchestrator', dataDirectory: '/var/lib/orchestrator', env: {} }
  const resolve = (settings: object) => dummy.driver.resolve!({ ...settings }, source)['state_file']
  t.equal(resolve({}), '/var/lib/orchestrator/dummy-east.json')
  t.equal(resolve({ state_file: './mine.json' }), '/etc/orchestrator/mine.json')
  t.equal(resolve({ state_file: null }), null)
  t.equal(resolve({ state_file: 7 }), 7, 'the check of the settings reports an invalid value')
})

t.test('invalid settings are reported by name', async (t) => {
  const bad = {
    delay: -1, nodes: 'many', faults: [{ on: 'everything', kind: 'error' }], colour: 'red', delays: { nap: 1 }
  }
  await t.rejects(start(t, bad), { message: /cloud default: .*colour is not a setting/ })
  for (const path of ['delay', 'nodes', 'faults.0.on', 'delays.nap']) {
    await t.rejects(start(t, bad), { message: new RegExp(`${path} `) })
  }
})

t.test('nodes that end while a list is read in several turns cost it no other node', async (t) => {
  const { list, nodes } = await start(t, { nodes: 200, page_size: 1000 })
  const { items: before } = await list({ limit: 1000 })
  t.equal(before.length, 200)
  const ids = before.map(({ id }) => id)
  // A list that begins in a turn which others have used up continues in the next one.
  turnOver()
  const end = performance.now() + 50
  while (performance.now() < end);
  const listing = list({ limit: 1000 })
  await Promise.all(ids.slice(0, 20).map((id) => nodes.destroy(id, call())))
  const { items, next } = await listing
  t.same(items.map(({ id }) => id).slice(-180), ids.slice(20), 'all others, in their order')
  t.equal(new Set(items.map(({ id }) => id)).size, items.length)
  t.equal(next, null)
})

t.test('a list of given ids has these nodes alone, in the order of creation', async (t) => {
  const { list } = await start(t, { nodes: 30 })
  const all = (await list()).items.map(({ id }) => id)
  const wanted = [all[20]!, all[3]!, 'node-none', all[11]!]
  const ordered = [all[3], all[11], all[20]]
  const whole = await list({ ids: wanted })
  t.same([whole.items.map(({ id }) => id), whole.next], [ordered, null])
  const first = await list({ ids: wanted, limit: 2 })
  t.same(first.items.map(({ id }) => id), ordered.slice(0, 2))
  const second = await list({ ids: wanted, limit: 2, token: first.next })
  t.same([second.items.map(({ id }) => id), second.next], [ordered.slice(2), null])
})

t.test('steps that were due before a restart are not in the log, and are taken after it', async (t) => {
  const advance = stopClock(t)
  const directory = t.testdir()
  const file = join(directory, 'cloud.json')
  const first = await start(t, { state_file: file, delay: 10 })
  const id = await first.created()
  advance(11)
  t.equal((await first.get(id)).state, 'running')
  const shown = await first.get(id, true)
  // A copy of the files as a kill would leave them.
  const copy = join(directory, 'copy.json')
  copyFileSync(file, copy)
  copyFileSync(`${file}.log`, `${copy}.log`)
  t.notMatch(readFileSync(`${copy}.log`, 'utf8'), /"status":"ACTIVE"/)
  const second = await start(t, { state_file: copy, delay: 10 })
  t.same((await second.get(id, true)).extra, shown.extra)
})
