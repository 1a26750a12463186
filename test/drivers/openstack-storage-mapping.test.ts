import t from 'tap'
import { toImage } from '../../drivers/openstack/image/images.ts'
import { fromLimits } from '../../drivers/openstack/quotas.ts'
import { toQuery } from '../../drivers/common/filters.ts'
import type { Filters } from '../../drivers/services.ts'
import {
  snapshotState,
  snapshotStatuses,
  toSnapshot,
  toVolume,
  volumeState,
  volumeStatuses
} from '../../drivers/openstack/storage/mapping.ts'
import { volumeFilters } from '../../drivers/openstack/storage/volumes.ts'
import { snapshotStates, volumeStates } from '../../openapi/model/index.ts'

const identity = {
  id: 'x',
  cloud: 'default',
  driver: 'openstack',
  location: 'RegionOne',
  self: '/api/v2/clouds/default/volumes/x'
}

/** `{ state: 'word word' }` as `{ word: state }`. */
const byWord = (words: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(words).flatMap(([state, list]) => list.split(/\s+/).map((word) => [word, state])))

t.test('each status of a volume is one state', async (t) => {
  const wanted = byWord({
    creating: 'creating downloading managing',
    available: 'available awaiting-transfer',
    attaching: 'reserved attaching',
    in_use: 'in-use',
    detaching: 'detaching',
    updating: 'extending retyping maintenance uploading',
    backing_up: 'backing-up',
    restoring: 'restoring-backup',
    migrating: 'migrating',
    deleting: 'deleting unmanaging',
    deleted: 'deleted',
    error: 'error'
  })
  t.strictSame(Object.keys(volumeStatuses).sort(), Object.keys(wanted).sort())
  for (const [status, state] of Object.entries(wanted)) {
    t.equal(volumeState(status), state, status)
    t.equal(volumeState(status.toUpperCase()), state, `${status} in capitals`)
    t.ok((volumeStates as readonly string[]).includes(state))
  }
  for (const status of [
    'deleting',
    'managing',
    'restoring',
    'extending',
    'backing-up',
    'managing_deleting',
    'brand-new'
  ]) {
    t.equal(volumeState(`error_${status}`), 'error', `error_${status}`)
  }
  t.equal(volumeState('brand-new'), 'unknown')
})

t.test('each status of a snapshot is one state', async (t) => {
  const wanted = byWord({
    creating: 'creating',
    available: 'available backing-up updating',
    restoring: 'restoring',
    deleting: 'deleting unmanaging',
    deleted: 'deleted',
    error: 'error'
  })
  t.strictSame(Object.keys(snapshotStatuses).sort(), Object.keys(wanted).sort())
  for (const [status, state] of Object.entries(wanted)) {
    t.equal(snapshotState(status), state, status)
    t.ok((snapshotStates as readonly string[]).includes(state))
  }
  t.equal(snapshotState('error_deleting'), 'error')
  t.equal(snapshotState('brand-new'), 'unknown')
})

t.test('a volume is mapped; unknown fields are null', async (t) => {
  t.match(
    toVolume(
      {
        id: 'x',
        name: 'data',
        status: 'in-use',
        size: 5,
        availability_zone: 'nova',
        created_at: '2026-01-01T00:00:00.000000',
        updated_at: '2026-01-02T00:00:00.123456',
        volume_type: 'fast',
        snapshot_id: 's',
        metadata: { env: 'prod', 'orchestrator:operation': 'op' },
        bootable: 'true',
        encrypted: true,
        attachments: [
          { server_id: 'n', device: '/dev/vdb' },
          { server_id: null, device: null }
        ],
        volume_image_metadata: { image_id: 'i' }
      },
      identity,
      true
    ),
    {
      name: 'data',
      state: 'in_use',
      provider_state: 'in-use',
      size: 5,
      type: 'fast',
      iops: null,
      encrypted: true,
      bootable: true,
      availability_zone: 'nova',
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-02T00:00:00.123Z',
      attachments: [{ node_id: 'n', device: '/dev/vdb', state: 'in_use' }],
      snapshot_id: 's',
      image_id: 'i',
      tags: { env: 'prod' },
      extra: { metadata: { env: 'prod' } }
    }
  )
  t.strictSame(toVolume({ id: 'x', status: 'creating', name: '' }, identity, false), {
    ...identity,
    extra: undefined,
    name: null,
    state: 'creating',
    provider_state: 'creating',
    created_at: null,
    updated_at: null,
    tags: {},
    size: null,
    type: null,
    iops: null,
    encrypted: null,
    bootable: null,
    availability_zone: null,
    attachments: [],
    snapshot_id: null,
    image_id: null
  })
  const attachments = [{ server_id: 'n', device: null }]
  t.match(toVolume({ id: 'x', status: 'detaching', bootable: 'false', attachments }, identity, false), {
    bootable: false,
    attachments: [{ node_id: 'n', device: null, state: 'detaching' }]
  })
  t.notMatch(
    JSON.stringify(
      toVolume({ id: 'x', status: 'error', metadata: { 'orchestrator:operation': 'op' } }, identity, true)
    ),
    'orchestrator'
  )
})

t.test("a snapshot has Cinder's progress if there is one", async (t) => {
  const snapshot = { id: 'x', status: 'creating', volume_id: 'v', size: 2 }
  t.match(toSnapshot(snapshot, identity, false), {
    state: 'creating',
    volume_id: 'v',
    size: 2,
    progress: null,
    description: null,
    name: null
  })
  t.equal(toSnapshot({ ...snapshot, 'os-extended-snapshot-attributes:progress': '42%' }, identity, false).progress, 42)
  t.equal(toSnapshot({ ...snapshot, 'os-extended-snapshot-attributes:progress': null }, identity, false).progress, null)
})

t.test("an image of a node, also of one on a volume, is a snapshot and does not show this server's key", async (t) => {
  const image = { id: 'x', status: 'active', 'orchestrator:operation': 'op', tags: ['env=prod'] }
  t.equal(toImage({ ...image, image_type: 'snapshot' }, identity, false).is_snapshot, true)
  t.equal(toImage({ ...image, block_device_mapping: '[]' }, identity, false).is_snapshot, true)
  t.equal(toImage(image, identity, false).is_snapshot, false)
  t.notMatch(JSON.stringify(toImage(image, identity, true)), 'orchestrator')
  t.equal(toImage({ ...image, status: 'queued', os_glance_failed_import: 'file' }, identity, false).state, 'error')
  t.equal(toImage({ ...image, status: 'queued', os_glance_failed_import: '' }, identity, false).state, 'pending')
})

t.test('filters that Cinder can apply are sent to it', async (t) => {
  const translate = (filters: Filters) => toQuery(filters, volumeFilters())
  t.strictSame(translate({ name: ['a'], state: ['in_use'], availability_zone: ['nova'] }), {
    name: 'a',
    status: 'in-use',
    availability_zone: 'nova'
  })
  t.strictSame(translate({ name: ['a*'], state: ['available'], availability_zone: ['a', 'b'] }), {})
  t.strictSame(translate({ name: ['😀'] }), {})
})

t.test('an unlimited quota is null; an unknown one is left out', async (t) => {
  t.strictSame(
    fromLimits({ absolute: { max: 5, used: 2, maxRam: -1, usedRam: 512 } }, [
      ['nodes', 'max', 'used'],
      ['ram', 'maxRam', 'usedRam', 'MiB'],
      ['other', 'maxOther', 'usedOther'],
      ['odd', 'max', 'usedOther']
    ]),
    [
      { resource: 'nodes', limit: 5, used: 2, unit: 'count' },
      { resource: 'ram', limit: null, used: 512, unit: 'MiB' },
      { resource: 'odd', limit: 5, used: null, unit: 'count' }
    ]
  )
})
