import { ProblemError } from '../../../openapi/model/index.ts'
import type { VolumeService } from '../../driver.ts'
import { field, refuse } from '../refusal.ts'
import { checkQuotas } from '../quota.ts'
import { createReadsOf } from '../records.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import { mergeTags } from '../tags.ts'
import { assertOpen, deviceFor, rootDevice } from './attachments.ts'
import { born, createChanges, invalidState, stepsOf, untilGone } from './common.ts'
import { checkVolume, originOf } from './volume-create.ts'
import { volumeState } from './states.ts'
import type { StoredVolume } from './stored.ts'
import type { StorageViews } from './view.ts'

const wait = 'Wait until it is available, or in use where that will do.'

/** Throws in_use where the volume hangs on a node, invalid_state where it is not at rest. */
function assertFree ({ id, attachment, status }: StoredVolume) {
  if (attachment !== null) {
    throw new ProblemError('in_use', `Volume ${id} is attached to node ${attachment.node_id}`, { hint: 'Detach it first.' })
  }
  const state = volumeState(status)
  if (state !== 'available' && state !== 'error') throw invalidState(`Volume ${id} is ${state}`, state, wait)
}

/** The attachment to end. Throws invalid_state where there is none at rest, validation_failed where it is to another node. */
function attachmentOf ({ id, attachment, status }: StoredVolume, nodeId: string | undefined) {
  const state = volumeState(status)
  if (attachment === null || state !== 'in_use') {
    throw invalidState(`Volume ${id} is ${state}, not in use`, state, 'Only a volume that is attached can be detached.')
  }
  refuse(nodeId === undefined || nodeId === attachment.node_id ? [] : [field('/node_id', 'must be the node that the volume is attached to')])
  if (attachment.device === rootDevice) {
    throw new ProblemError('in_use', `Volume ${id} is the root disk of node ${attachment.node_id}`, { hint: 'Destroy the node first.' })
  }
  return attachment
}

/** The volumes of the dummy cloud. They hold nothing, and behave as Cinder's. */
export function createVolumes (settings: Settings, state: State, views: StorageViews): VolumeService {
  const { location, quotas, delay, delays, page_size: pageSize } = settings
  const seconds = delays.volume ?? delay
  const { open, save } = state
  const { reads, find, view } = createReadsOf(state, 'volume', ({ volumes }) => volumes, pageSize, views.volume)
  const { changed, findCreated } = createChanges(state, 'volume', ({ volumes }) => volumes)

  return {
    ...reads,
    async create (input, call) {
      const store = await open()
      checkVolume(store, input, location)
      const { size, ...origin } = originOf(store, input)
      checkQuotas(quotas, store, { volumes: 1, volume_storage: size })
      const fields = born(store.volumes, 'vol', call.operation)
      const stages = input.image_id === undefined ? [{ status: 'creating' }] : [{ status: 'creating' }, { status: 'downloading' }]
      store.volumes.add({
        ...fields,
        name: input.name ?? null,
        status: 'creating',
        tags: { ...input.tags },
        size,
        ...origin,
        availability_zone: input.availability_zone ?? `${location}-a`,
        attachment: null,
        steps: stepsOf(stages, { status: 'available' }, seconds)
      })
      return changed(fields.id, { states: ['available'] })
    },
    findCreated,
    async update (id, { name, tags }) {
      const store = await open()
      const entry = find(store, id)
      store.volumes.set(entry, { ...(name === undefined ? {} : { name }), tags: mergeTags(entry.data.tags, tags) })
      await save()
      return view(entry)
    },
    async destroy (id) {
      const store = await open()
      const entry = find(store, id)
      if (entry.data.status === 'deleting') return changed(id, untilGone)
      assertFree(entry.data)
      if (store.snapshots.entries.some(({ data }) => data.volume_id === id)) {
        throw new ProblemError('in_use', `Volume ${id} has snapshots`, { hint: 'Delete its snapshots first.' })
      }
      store.volumes.move(entry, stepsOf([{ status: 'deleting' }], { gone: true }, seconds))
      return changed(id, untilGone)
    },
    async attach (id, input) {
      const store = await open()
      const entry = find(store, id)
      assertFree(entry.data)
      const node = store.nodes.find(input.node_id)
      refuse(node === undefined ? [field('/node_id', 'must be the id of a node of this cloud')] : [])
      assertOpen(node!.data)
      const attachment = { node_id: input.node_id, device: deviceFor(store, input.node_id, input), delete_on_termination: false }
      store.volumes.move(entry, stepsOf([{ status: 'attaching', attachment }], { status: 'in-use' }, seconds))
      return changed(id, { states: ['in_use'] })
    },
    async detach (id, { node_id: nodeId }) {
      const store = await open()
      const entry = find(store, id)
      const attachment = attachmentOf(entry.data, nodeId)
      assertOpen(store.nodes.find(attachment.node_id)!.data)
      store.volumes.move(entry, stepsOf([{ status: 'detaching' }], { status: 'available', attachment: null }, seconds))
      return changed(id, { states: ['available'] })
    },
    async extend (id, { size }) {
      const store = await open()
      const entry = find(store, id)
      const { status, size: present } = entry.data
      const state = volumeState(status)
      if (state !== 'available' && state !== 'in_use') throw invalidState(`Volume ${id} is ${state}`, state, wait)
      refuse(size > present ? [] : [field('/size', `must be more than ${present} GiB, which it has`)])
      checkQuotas(quotas, store, { volume_storage: size - present })
      store.volumes.move(entry, stepsOf([{ status: 'extending' }], { status, size }, seconds))
      return changed(id, { states: [state] })
    }
  }
}
