import t from 'tap'
import { isPrivate, toAddresses } from '../../drivers/openstack/compute/addresses.ts'
import { imageStatuses, toImage } from '../../drivers/openstack/image/images.ts'
import { toZone } from '../../drivers/openstack/compute/locations.ts'
import { atLeast } from '../../drivers/openstack/client/microversions.ts'
import { situationOf, toNode, type Abilities, type Server } from '../../drivers/openstack/compute/node-mapping.ts'
import { namePattern, toServerQuery } from '../../drivers/openstack/compute/servers.ts'
import { nodeState, statusStates } from '../../drivers/common/nova-states.ts'
import type { Port } from '../../drivers/openstack/network/neutron.ts'
import { toSize } from '../../drivers/openstack/compute/sizes.ts'
import { fromTagList, novaTags } from '../../drivers/openstack/client/tags.ts'
import { checkTags, toTags } from '../../drivers/common/tags.ts'
import { imageStates, nodeStates, nodeVerbs, type ProblemError } from '../../openapi/model/index.ts'

const identity = {
  id: 'x',
  cloud: 'default',
  driver: 'openstack',
  location: 'RegionOne',
  self: '/api/v2/clouds/default/nodes/x'
}
/** The actions of a driver with all verbs, on a Nova of this version. */
const abilities = (version = '2.1', isAdmin = false): Abilities => ({
  methods: new Set<string>([...nodeVerbs, 'destroy']),
  hasVersion: ({ lowest }) => atLeast(version, lowest),
  isAdmin: () => isAdmin
})
const can = abilities()

/** `{ state: 'word word' }` as `{ word: state }`. */
const byWord = (words: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(words).flatMap(([state, list]) => list.split(/\s+/).map((word) => [word, state])))

t.test('each status of Nova and Rackspace without a task is one state', async (t) => {
  const wanted = byWord({
    pending: 'BUILD',
    running: 'ACTIVE VERIFY_RESIZE',
    rebooting: 'REBOOT HARD_REBOOT',
    stopped: 'SHUTOFF',
    suspended: 'SUSPENDED SHELVED SHELVED_OFFLOADED',
    paused: 'PAUSED',
    rescued: 'RESCUE',
    reconfiguring:
      'RESIZE REVERT_RESIZE REBUILD PASSWORD QUEUE_RESIZE PREP_RESIZE SHARE_IP SHARE_IP_NO_CONFIG DELETE_IP',
    migrating: 'MIGRATING',
    terminated: 'DELETED SOFT_DELETED',
    error: 'ERROR',
    unknown: 'UNKNOWN'
  })
  t.strictSame(Object.keys(statusStates).sort(), Object.keys(wanted).sort())
  for (const [status, state] of Object.entries(wanted)) {
    t.equal(nodeState(status, null), state, status)
    t.equal(nodeState(status.toLowerCase(), null), state, `${status} in small letters`)
    t.ok((nodeStates as readonly string[]).includes(state))
  }
  t.equal(nodeState('BRAND_NEW', null), 'unknown')
  t.equal(nodeState('SHARE_IP_SOMEHOW', null), 'reconfiguring')
})

t.test('each task state of Nova wins over the status', async (t) => {
  const wanted = byWord({
    pending: 'scheduling block_device_mapping networking spawning',
    starting: 'powering-on resuming unpausing unshelving restoring',
    stopping: `powering-off suspending pausing shelving shelving_image_pending_upload
      shelving_image_uploading shelving_offloading`,
    rebooting: 'rebooting reboot_pending reboot_started rebooting_hard reboot_pending_hard reboot_started_hard',
    reconfiguring: `resize_prep resize_migrating resize_migrated resize_finish resize_reverting resize_confirming
      rebuilding rebuild_block_device_mapping rebuild_spawning updating_password rescuing unrescuing`,
    migrating: 'migrating',
    terminating: 'deleting soft-deleting'
  })
  for (const [task, state] of Object.entries(wanted)) {
    t.equal(nodeState('ACTIVE', task), state, task)
    t.equal(nodeState('SHUTOFF', task.replaceAll('-', '_')), state, `${task} with underscores`)
    t.equal(nodeState('ERROR', task.replaceAll('_', '-')), state, `${task} with hyphens`)
    t.equal(nodeState('BRAND_NEW', task), state, `${task} of an unknown status`)
  }
  t.equal(nodeState('SHELVED_OFFLOADED', 'spawning'), 'starting')
  t.equal(nodeState('DELETED', 'deleting'), 'terminated')
  for (const task of [
    'image_snapshot',
    'image_snapshot_pending',
    'image_pending_upload',
    'image_uploading',
    'image_backup',
    'brand-new'
  ]) {
    t.equal(nodeState('ACTIVE', task), 'running', task)
    t.equal(nodeState('SHUTOFF', task), 'stopped', task)
  }
})

t.test('actions are those that Nova accepts', async (t) => {
  const allowed = (status: string, more: Partial<Server> = {}) =>
    situationOf(
      { id: 'x', status, 'OS-SRV-USG:launched_at': '2026-01-01T00:00:00.000000', image: { id: 'i' }, ...more },
      can
    ).actions.join(' ')
  const table: ReadonlyArray<readonly [string, string]> = [
    ['ACTIVE', 'stop reboot pause suspend shelve rescue resize rebuild destroy'],
    ['SHUTOFF', 'start reboot shelve rescue resize rebuild destroy'],
    ['PAUSED', 'reboot resume shelve destroy'],
    ['SUSPENDED', 'reboot resume shelve destroy'],
    ['SHELVED', 'resume destroy'],
    ['SHELVED_OFFLOADED', 'resume destroy'],
    ['RESCUE', 'unrescue destroy'],
    ['VERIFY_RESIZE', 'confirm_resize revert_resize destroy'],
    ['ERROR', 'stop reboot rescue rebuild destroy'],
    ['SOFT_DELETED', 'restore'],
    ['DELETED', ''],
    ['BUILD', 'destroy'],
    ['MIGRATING', 'destroy'],
    ['NEW', [...nodeVerbs, 'destroy'].join(' ')]
  ]
  for (const [status, actions] of table) t.equal(allowed(status), actions, status)
  t.equal(
    allowed('ERROR', { 'OS-SRV-USG:launched_at': null }),
    'destroy',
    'what was never started can only be destroyed'
  )
  t.equal(allowed('ACTIVE', { 'OS-EXT-STS:task_state': 'image_uploading' }), 'destroy', 'a snapshot holds all else')
  t.equal(allowed('ACTIVE', { 'OS-EXT-STS:task_state': 'powering-off' }), 'destroy')
  t.equal(
    allowed('ACTIVE', { image: '' }),
    'stop reboot pause suspend shelve resize destroy',
    'before 2.87 a root volume is neither rescued nor rebuilt'
  )
  t.equal(allowed('SHUTOFF', { image: '' }), 'start reboot shelve resize destroy')
  const actionsWith = (other: Abilities, more: Partial<Server>) =>
    situationOf({ id: 'x', status: 'SHUTOFF', ...more }, other).actions.join(' ')
  t.equal(
    actionsWith(abilities('2.87'), { image: '' }),
    'start reboot shelve rescue resize destroy',
    'from 2.87 it is rescued'
  )
  t.equal(
    actionsWith(abilities('2.93'), { image: '' }), allowed('SHUTOFF'), 'from 2.93 it is rebuilt too'
  )
  t.equal(actionsWith(can, { locked: true }), '', 'a locked node allows nothing')
  t.equal(
    actionsWith(abilities('2.1', true), { locked: true }), allowed('SHUTOFF'), 'but everything to an administrator'
  )
  t.equal(actionsWith(can, { locked: false }), allowed('SHUTOFF'))
  for (const task of ['rebooting', 'reboot_started', 'suspending', 'resuming']) {
    t.equal(allowed('ACTIVE', { 'OS-EXT-STS:task_state': task }), 'reboot destroy', task)
  }
  const types = (status: string, task: string | null = null) =>
    toNode({ id: 'x', status, 'OS-EXT-STS:task_state': task }, { identity, ports: null, can, extra: false })
      .reboot_types
  t.strictSame(types('ACTIVE'), ['soft', 'hard'])
  t.strictSame(types('ERROR'), ['hard'], 'only a hard reboot')
  t.strictSame(types('ACTIVE', 'rebooting'), ['hard'])
  t.strictSame(types('RESCUE'), [])
  t.equal(
    situationOf({ id: 'x', status: 'ACTIVE' }, { ...can, methods: new Set(['stop']) }).actions.join(),
    'stop',
    'only what the driver can'
  )
})

const server: Server = {
  id: 'x',
  name: 'web',
  status: 'ACTIVE',
  created: '2026-01-01T00:00:00Z',
  updated: '2026-01-02T00:00:00Z',
  metadata: { env: 'prod', 'orchestrator:operation': 'secret-op' },
  image: { id: 'img' },
  flavor: { id: '1' },
  key_name: 'key',
  progress: 0,
  locked: true,
  addresses: {
    private: [
      { addr: '10.0.0.5', version: 4, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01' }
    ]
  },
  'OS-EXT-STS:task_state': null,
  'OS-EXT-AZ:availability_zone': 'nova',
  'OS-SRV-USG:launched_at': '2026-01-01T00:00:05.123456',
  'os-extended-volumes:volumes_attached': [{ id: 'vol' }]
}
const port = (more: Partial<Port> = {}): Port => ({
  id: 'nic',
  device_id: 'x',
  network_id: 'net',
  mac_address: 'fa:16:3e:00:00:01',
  security_groups: ['sg1', 'sg2'],
  ...more
})

t.test('a server is mapped to a node', async (t) => {
  const ports = new Map([['x', [port(), port({ id: 'nic2', mac_address: 'b', security_groups: ['sg2', 'sg3'] })]]])
  const node = toNode(server, { identity, ports, can, extra: false })
  t.match(node, {
    ...identity,
    name: 'web',
    state: 'running',
    provider_state: 'ACTIVE',
    provider_task_state: null,
    transitioning: false,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-02T00:00:00Z',
    size_id: '1',
    image_id: 'img',
    key_pair_name: 'key',
    availability_zone: 'nova',
    architecture: null,
    private_ips: ['10.0.0.5'],
    public_ips: [],
    addresses: [
      {
        address: '10.0.0.5',
        kind: 'fixed',
        scope: 'private',
        network_id: 'net',
        nic_id: 'nic',
        mac: 'fa:16:3e:00:00:01'
      }
    ],
    security_group_ids: ['sg1', 'sg2', 'sg3'],
    volume_ids: ['vol'],
    lifecycle: null,
    launched_at: '2026-01-01T00:00:05.123Z',
    progress: null,
    fault: null,
    protected: true
  })
  t.strictSame(node.tags, { env: 'prod' })
  t.notOk('extra' in node)
})

t.test('unknown fields are null', async (t) => {
  const bare = toNode(
    { id: 'x', status: 'BUILD', image: '', 'OS-EXT-AZ:availability_zone': '' },
    { identity, ports: null, can, extra: false }
  )
  t.match(bare, {
    name: null,
    created_at: null,
    size_id: null,
    image_id: null,
    key_pair_name: null,
    availability_zone: null,
    security_group_ids: null,
    volume_ids: null,
    launched_at: null,
    progress: null,
    protected: null,
    addresses: [],
    tags: {}
  })
  const unread = toNode(server, { identity, ports: null, can, extra: false })
  t.match(unread.addresses, [{ network_id: null, nic_id: null, mac: 'fa:16:3e:00:00:01' }])
  t.strictSame(
    toNode(server, { identity, ports: new Map(), can, extra: false }).security_group_ids,
    [],
    'read, and there are none'
  )
})

t.test("extra holds the cloud's fields, but no secret", async (t) => {
  const raw = { ...server, adminPass: 'p', user_data: 'u', 'OS-EXT-SRV-ATTR:user_data': 'u' } as Server
  const { extra } = toNode(raw, { identity, ports: null, can, extra: true })
  t.match(extra, { status: 'ACTIVE', locked: true, metadata: { env: 'prod' } })
  t.notMatch(JSON.stringify(extra), /adminPass|user_data|orchestrator:operation/)
})

t.test('a node has the fault and the progress of its server', async (t) => {
  const failed = toNode(
    { ...server, status: 'ERROR', fault: { code: 500, message: 'No valid host was found.' } },
    { identity, ports: null, can, extra: false }
  )
  t.strictSame(failed.fault, { code: '500', message: 'No valid host was found.' })
  t.equal(
    toNode({ ...server, status: 'RESIZE', progress: 50 }, { identity, ports: null, can, extra: false }).progress,
    50
  )
})

t.test('addresses are public or private', async (t) => {
  for (const [address, version] of [
    ['10.1.2.3', 4],
    ['172.16.0.1', 4],
    ['172.31.255.1', 4],
    ['192.168.1.1', 4],
    ['169.254.1.1', 4],
    ['100.64.0.1', 4],
    ['127.0.0.1', 4],
    ['fd00::1', 6],
    ['fc00::1', 6],
    ['fe80::1', 6],
    ['FEBF::1', 6],
    ['::1', 6]
  ] as const) {
    t.ok(isPrivate(address, version), address)
  }
  for (const [address, version] of [
    ['203.0.113.1', 4],
    ['172.32.0.1', 4],
    ['172.15.0.1', 4],
    ['192.169.0.1', 4],
    ['100.128.0.1', 4],
    ['2001:db8::1', 6],
    ['::10', 6]
  ] as const) {
    t.notOk(isPrivate(address, version), address)
  }

  const mac = 'fa:16:3e:00:00:01'
  const floating = toAddresses(
    {
      n: [
        { addr: '10.0.0.5', version: 4, 'OS-EXT-IPS-MAC:mac_addr': mac },
        { addr: '10.9.9.9', version: 4, 'OS-EXT-IPS:type': 'floating', 'OS-EXT-IPS-MAC:mac_addr': mac }
      ]
    },
    [port()]
  )
  t.match(floating, [
    { kind: 'fixed', scope: 'private', nic_id: 'nic' },
    { kind: 'floating', scope: 'public', nic_id: 'nic' }
  ])

  const twins = [
    port({ id: 'a', fixed_ips: [{ ip_address: '10.0.0.4' }] }),
    port({ id: 'b', fixed_ips: [{ ip_address: '10.0.0.5' }] })
  ]
  t.match(toAddresses({ n: [{ addr: '10.0.0.5', version: 4, 'OS-EXT-IPS-MAC:mac_addr': mac }] }, twins), [
    { nic_id: 'b' }
  ])
})

t.test('each status of Glance is one state', async (t) => {
  const wanted = byWord({
    pending: 'queued saving uploading importing pending',
    available: 'active',
    disabled: 'deactivated',
    deleting: 'pending_delete',
    deleted: 'deleted deregistered',
    error: 'killed failed invalid'
  })
  t.same({ ...imageStatuses }, wanted)
  for (const [status, state] of Object.entries(wanted)) {
    t.equal(toImage({ id: 'i', status }, identity, false).state, state)
    t.ok((imageStates as readonly string[]).includes(state))
  }
  t.equal(toImage({ id: 'i', status: 'new' }, identity, false).state, 'unknown')
})

t.test('images, sizes and zones are mapped', async (t) => {
  t.match(
    toImage(
      {
        id: 'i',
        status: 'active',
        size: 7,
        os_type: 'linux',
        os_distro: 'debian',
        os_version: '12',
        image_type: 'snapshot',
        hw_architecture: 'aarch64',
        tags: ['a=b=c', 'plain'],
        min_ram: 0,
        visibility: 'public',
        owner: 'o'
      },
      identity,
      true
    ),
    {
      size_bytes: 7,
      os: { family: 'linux', distro: 'debian', version: '12' },
      is_snapshot: true,
      architecture: 'aarch64',
      tags: { a: 'b=c', plain: '' },
      min_ram: 0,
      min_disk: null,
      visibility: 'public',
      owner: 'o',
      extra: { os_distro: 'debian' }
    }
  )
  t.match(
    toSize(
      { id: '1', name: 'm1', vcpus: 1, ram: 512, disk: 0, swap: '', 'OS-FLV-EXT-DATA:ephemeral': 0 },
      identity,
      false
    ),
    { vcpus: 1, ram: 512, disk: 0, swap: 0, ephemeral_disk: 0, state: 'available', price: null, architecture: [] }
  )
  t.match(toSize({ id: '1', 'OS-FLV-DISABLED:disabled': true, swap: 64 }, identity, false), {
    state: 'unavailable',
    swap: 64,
    vcpus: null,
    disk: null
  })
  t.match(toZone({ zoneName: 'z', zoneState: { available: false } }, 'R', identity, false), {
    name: 'z',
    parent: 'R',
    state: 'unavailable',
    available: false,
    kind: 'zone'
  })
  t.match(toZone({ zoneName: 'z' }, null, identity, false), { state: 'unknown', available: null, parent: null })
})

t.test('filters are sent to Nova only if it returns all that match', async (t) => {
  t.strictSame(toServerQuery({ state: ['running'], name: ['web'] }), {
    name: '^web$',
    status: ['ACTIVE', 'VERIFY_RESIZE']
  })
  t.strictSame(toServerQuery({ state: ['stopped', 'error'] }), { status: ['SHUTOFF', 'ERROR'] })
  for (const state of [
    'rebooting', 'starting', 'stopping', 'reconfiguring', 'migrating', 'terminating', 'terminated',
    'unknown'
  ]) {
    t.strictSame(toServerQuery({ state: ['running', state] }), {}, state)
  }
  t.strictSame(toServerQuery({ name: ['a', 'b'], size_id: ['1'], image_id: ['nope'], tag: ['a=b'] }), {})
  const image = '627964a3-b7c7-4b4f-92f3-11e885635098'
  t.strictSame(toServerQuery({ image_id: [image] }), { image })
})

t.test('a pattern matches its name with any characters', async (t) => {
  for (const name of ['web-1', 'a.b', 'x+y(z)|[1]{2}\\^$?', 'ü ñ', '/']) {
    t.match(name, new RegExp(namePattern(name)!), name)
  }
  t.match('web-12', new RegExp(namePattern('web*')!))
  t.notMatch('my-web', new RegExp(namePattern('web*')!))
  t.equal(namePattern('\u{1f600}'), undefined, "Nova's database fails at it")
})

t.test('values of tags are checked where a cloud does not accept every character', async (t) => {
  const rules = { key: /^[a-z]+$/, words: 'letters', value: /^[a-z]*$/, valueWords: 'lower-case letters' }
  t.doesNotThrow(() => checkTags({ a: 'b', empty: '', gone: null }, rules))
  t.throws(() => checkTags({ a: 'two words', b: 'c' }, rules), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/tags/a', message: /expected: lower-case letters/ }] }
  })
})

t.test('tags are metadata without our key', async (t) => {
  const metadata = JSON.parse('{"__proto__":"a","orchestrator:operation":"o","b":"c"}') as Record<string, string>
  t.strictSame(Object.entries(toTags(metadata)), [
    ['__proto__', 'a'],
    ['b', 'c']
  ])
  t.strictSame(toTags(undefined), {})
  t.strictSame(fromTagList(['=x']), { '=x': '' })
  t.doesNotThrow(() => checkTags({ 'a.b:c-d_e f': 'x'.repeat(255), gone: null }, novaTags))
  try {
    checkTags({ 'a/b~c': '', 'orchestrator:operation': 'x', ['k'.repeat(256)]: null }, novaTags)
    t.fail('refused')
  } catch (error) {
    const { code, details } = error as ProblemError
    t.equal(code, 'validation_failed')
    t.strictSame(
      details.errors?.map(({ pointer }) => pointer.slice(0, 30)),
      ['/tags/a~1b~0c', '/tags/orchestrator:operation', `/tags/${'k'.repeat(24)}`]
    )
  }
})
