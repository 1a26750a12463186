import { ProblemError, type VolumeAttach } from '../../../openapi/model/index.ts'
import { field, refuse } from '../refusal.ts'
import { mapState } from '../states.ts'
import type { Store } from '../store.ts'
import type { StoredNode } from '../stored.ts'

/** The device of every root disk. */
export const rootDevice = '/dev/vda'

/** The devices that a node has for volumes, in the order in which they are given out. */
const devices = Array.from('bcdefghijklmnopqrstuvwxyz', (letter) => `/dev/vd${letter}`)

/** Volumes that a node can have beside its root disk. */
export const mostVolumes = devices.length

/** States of a node in which its disks can be changed, as Nova has it. */
const open: ReadonlySet<string> = new Set(['running', 'stopped', 'paused'])

/** All volumes that hang on a node. */
const entriesOf = ({ volumes, volumesOf }: Store, nodeId: string) => volumesOf(nodeId).map((id) => volumes.find(id)!)

/** Throws protected or invalid_state where the node does not let its disks be changed. */
export function assertOpen (node: StoredNode) {
  if (node.protected) throw new ProblemError('protected', `Node ${node.id} is protected`)
  const { state, allowed_actions: allowed } = mapState(node.status, node.task)
  if (open.has(state) && node.task === null) return
  throw new ProblemError('invalid_state', `Node ${node.id} is ${state}, which does not allow to attach or detach volumes`, {
    state, allowed_actions: allowed, hint: 'Start or stop the node first, and wait until it is.'
  })
}

/**
 * The device that a volume gets on this node: the one asked for, or the first that is free. Throws validation_failed
 * where that is taken or none, provider_quota_exceeded where none is left.
 */
export function deviceFor (store: Store, nodeId: string, { device }: VolumeAttach) {
  const taken = new Set(entriesOf(store, nodeId).map(({ data }) => data.attachment!.device))
  if (device !== undefined) {
    refuse(devices.includes(device) ? [] : [field('/device', `must be one of ${devices[0]} to ${devices.at(-1)}`)])
    refuse(taken.has(device) ? [field('/device', 'must be free on this node, which has a volume there')] : [])
    return device
  }
  const free = devices.find((one) => !taken.has(one))
  if (free === undefined) throw new ProblemError('provider_quota_exceeded', `Node ${nodeId} has ${mostVolumes} volumes, which is the most`)
  return free
}

/** What becomes of the volumes of a node that has gone: those that go with it are deleted, the others are free. */
export function releaseVolumes (store: Store, { id }: StoredNode) {
  const { volumes, snapshots } = store
  for (const entry of entriesOf(store, id)) {
    const { attachment, steps, size } = entry.data
    // As in Cinder, a volume cannot go before its snapshots.
    const kept = snapshots.entries.some(({ data }) => data.volume_id === entry.data.id)
    if (attachment!.delete_on_termination && !kept) volumes.remove(entry)
    // What had begun, such as an extension, is done.
    else volumes.set(entry, { attachment: null, status: 'available', steps: [], size: steps.at(-1)?.then.size ?? size })
  }
}
