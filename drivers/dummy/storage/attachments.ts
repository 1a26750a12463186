import { ProblemError, type VolumeAttach } from '../../../openapi/model/index.ts'
import {
  assertField,
  assertUnprotected,
  isAttachable,
  nodeStateError,
  type NodeRecord,
  type Store
} from '../engine/index.ts'

const rootDevice = '/dev/vda'

/** The devices for volumes, in the order in which volumes get them. */
const devices = Array.from('bcdefghijklmnopqrstuvwxyz', (letter) => `/dev/vd${letter}`)

/** The maximum number of volumes of a node beside its root disk. */
export const maxVolumes = devices.length

export const rootAttachment = (nodeId: string, deleteOnTermination: boolean) => ({
  node_id: nodeId,
  device: rootDevice,
  delete_on_termination: deleteOnTermination
})

export const isRootDisk = ({ device }: { device: string }) => device === rootDevice

export const rootVolumeOf = ({ volumesOf }: Store, nodeId: string) =>
  volumesOf(nodeId).find(({ data }) => isRootDisk(data.attachment!))?.data

export function assertAttachable (node: NodeRecord) {
  assertUnprotected(node)
  if (isAttachable(node) && node.task === null) return
  const hint = 'Start or stop the node first, and wait until it has.'
  throw nodeStateError(node, ', which does not allow attaching or detaching volumes', hint)
}

/** Returns the requested device or the first free one. Throws provider_quota_exceeded if no device is free. */
export function chooseDevice (store: Store, { node_id: nodeId, device }: VolumeAttach) {
  const taken = new Set(store.volumesOf(nodeId).map(({ data }) => data.attachment!.device))
  if (device !== undefined) {
    assertField(
      devices.includes(device),
      '/device',
      `must be one of ${devices[0]} to ${devices.at(-1)}`
    )
    assertField(!taken.has(device), '/device', 'must be free: another volume of this node has it')
    return device
  }
  const free = devices.find((one) => !taken.has(one))
  if (free !== undefined) return free
  throw new ProblemError(
    'provider_quota_exceeded',
    `Node ${nodeId} has ${maxVolumes} volumes, which is the maximum`
  )
}

/** Handles the end of a node: deletes the volumes with `delete_on_termination` and detaches the others. */
export function releaseVolumes (store: Store, { id: nodeId }: NodeRecord) {
  const { volumes, snapshots, volumesOf } = store
  for (const entry of volumesOf(nodeId)) {
    const { id, attachment, steps, size } = entry.data
    // Cinder does not delete a volume that has snapshots.
    const hasSnapshots = snapshots.entries.some(({ data }) => data.volume_id === id)
    if (attachment!.delete_on_termination && !hasSnapshots) {
      volumes.remove(entry)
      continue
    }
    // An extension that has begun is completed.
    const finalSize = steps.at(-1)?.then.size ?? size
    volumes.set(entry, { attachment: null, status: 'available', steps: [], size: finalSize })
  }
}
