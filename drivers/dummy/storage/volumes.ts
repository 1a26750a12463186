import { ProblemError, type Volume, type VolumeState } from '../../../openapi/model/index.ts'
import { describe, type VolumeService } from '../../driver.ts'
import {
  assertField,
  checkQuotas,
  commonFieldsOf,
  createRepository,
  findReferenced,
  mergeLabels,
  scheduleSteps,
  tagLimits,
  untilGone,
  type Engine,
  type VolumeRecord
} from '../engine/index.ts'
import { assertAttachable, chooseDevice, isRootDisk, maxVolumes } from './attachments.ts'
import { checkVolume, originOf } from './new-volume.ts'

export const volumeCapabilities = describe<VolumeService>({
  create: {
    parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'availability_zone', 'tags'],
    limits: tagLimits
  },
  update: { parameters: ['name', 'tags'], limits: tagLimits },
  attach: { parameters: ['node_id', 'device'], limits: { volumes_per_node: maxVolumes } },
  detach: { parameters: ['node_id'] },
  extend: { parameters: ['size'] }
})

const states = new Map<string, VolumeState>(Object.entries(
  {
    creating: 'creating',
    downloading: 'creating',
    available: 'available',
    reserved: 'attaching',
    attaching: 'attaching',
    'in-use': 'in_use',
    detaching: 'detaching',
    extending: 'updating',
    deleting: 'deleting',
    error: 'error'
  } satisfies Record<string, VolumeState>
))

const volumeStateOf = ({ status }: VolumeRecord): VolumeState => states.get(status) ?? 'unknown'

/** Throws invalid_state unless the state of the volume is one of these. */
export function assertVolumeState (volume: VolumeRecord, allowed: readonly VolumeState[]) {
  const state = volumeStateOf(volume)
  if (allowed.includes(state)) return
  const hint = 'Wait until it is available, or in use if that is sufficient.'
  throw new ProblemError('invalid_state', `Volume ${volume.id} is ${state}`, { state, hint })
}

function assertDetached (volume: VolumeRecord) {
  const { id, attachment } = volume
  if (attachment === null) return assertVolumeState(volume, ['available', 'error'])
  const detail = `Volume ${id} is attached to node ${attachment.node_id}`
  throw new ProblemError('in_use', detail, { hint: 'Detach it first.' })
}

/** Returns the attachment to end. Throws if the volume is not in use, on another node, or a root disk. */
function findAttachment (volume: VolumeRecord, nodeId: string | undefined) {
  const { id, attachment } = volume
  const state = volumeStateOf(volume)
  if (attachment === null || state !== 'in_use') {
    const hint = 'Only a volume that is attached can be detached.'
    throw new ProblemError('invalid_state', `Volume ${id} is ${state}, not in use`, { state, hint })
  }
  const { node_id: attachedTo } = attachment
  assertField(
    (nodeId ?? attachedTo) === attachedTo,
    '/node_id',
    'must be the node that the volume is attached to'
  )
  if (!isRootDisk(attachment)) return attachment
  const detail = `Volume ${id} is the root disk of node ${attachedTo}`
  throw new ProblemError('in_use', detail, { hint: 'Destroy the node first.' })
}

function attachmentsOf (volume: VolumeRecord): Volume['attachments'] {
  if (volume.attachment === null) return []
  const { node_id: nodeId, device } = volume.attachment
  const state = volumeStateOf(volume)
  const isChanging = state === 'creating' || state === 'attaching' || state === 'detaching'
  return [{ node_id: nodeId, device, state: isChanging ? state : 'in_use' }]
}

/** Volumes have no content. Their states and rules are those of Cinder. */
export function createVolumes (engine: Engine): VolumeService {
  const { location, quotas, delay, delays } = engine.settings
  const { reads, update, createAsync, changeAsync, findCreated } = createRepository(
    engine,
    'volume',
    ({ volumes }) => volumes,
    (data): Volume => ({
      ...commonFieldsOf(engine, 'volumes', data),
      provider_state: data.status,
      state: volumeStateOf(data),
      size: data.size,
      type: data.type,
      iops: null,
      encrypted: false,
      bootable: data.bootable,
      availability_zone: data.availability_zone,
      attachments: attachmentsOf(data),
      snapshot_id: data.snapshot_id,
      image_id: data.image_id
    })
  )

  type Stage = VolumeRecord['steps'][number]['then']
  const schedule = (stages: Stage[], end: Stage) =>
    scheduleSteps(stages, end, delays.volume ?? delay)

  return {
    ...reads,
    create: (input, { operation }) =>
      createAsync('available', (store) => {
        checkVolume(store, input, location)
        const origin = originOf(store, input)
        checkQuotas(quotas, store, { volumes: 1, volume_storage: origin.size })
        const statuses = input.image_id === undefined ? ['creating'] : ['creating', 'downloading']
        return {
          ...store.volumes.newRecord('vol', operation),
          steps: schedule(statuses.map((status) => ({ status })), { status: 'available' }),
          name: input.name ?? null,
          status: 'creating',
          tags: { ...input.tags },
          ...origin,
          availability_zone: input.availability_zone ?? `${location}-a`,
          attachment: null
        }
      }),
    findCreated,
    update: (id, patch) => update(id, (volume) => mergeLabels(volume, patch)),
    destroy: (id) =>
      changeAsync(id, (volume, { snapshots }) => {
        if (volume.status === 'deleting') return { until: untilGone }
        assertDetached(volume)
        if (snapshots.entries.some(({ data }) => data.volume_id === id)) {
          throw new ProblemError('in_use', `Volume ${id} has snapshots`, {
            hint: 'Delete its snapshots first.'
          })
        }
        return { steps: schedule([{ status: 'deleting' }], { gone: true }), until: untilGone }
      }),
    attach: (id, input) =>
      changeAsync(id, (volume, store) => {
        assertDetached(volume)
        const node = findReferenced(store.nodes, input.node_id, '/node_id', 'a node')
        assertAttachable(node.data)
        const device = chooseDevice(store, input)
        const attachment = { node_id: input.node_id, device, delete_on_termination: false }
        return {
          steps: schedule([{ status: 'attaching', attachment }], { status: 'in-use' }),
          until: { states: ['in_use'] }
        }
      }),
    detach: (id, { node_id: nodeId }) =>
      changeAsync(id, (volume, { nodes }) => {
        const attachment = findAttachment(volume, nodeId)
        assertAttachable(nodes.find(attachment.node_id)!.data)
        return {
          steps: schedule([{ status: 'detaching' }], { status: 'available', attachment: null }),
          until: { states: ['available'] }
        }
      }),
    extend: (id, { size }) =>
      changeAsync(id, (volume, store) => {
        const { status, size: present } = volume
        assertVolumeState(volume, ['available', 'in_use'])
        assertField(size > present, '/size', `must be more than ${present} GiB, the present size`)
        checkQuotas(quotas, store, { volume_storage: size - present })
        return {
          steps: schedule([{ status: 'extending' }], { status, size }),
          until: { states: [volumeStateOf(volume)] }
        }
      })
  }
}
