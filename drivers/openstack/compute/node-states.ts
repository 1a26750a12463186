import type { NodeAction, NodeState } from '../../../openapi/model/index.ts'
import { isTransitioning } from '../../states.ts'

/**
 * Nova's statuses (`nova/api/openstack/common.py`, `_STATE_MAP`), and those that only Rackspace has: QUEUE_RESIZE,
 * PREP_RESIZE, SHARE_IP*, DELETE_IP.
 */
export const statusStates: Readonly<Record<string, NodeState>> = {
  BUILD: 'pending',
  ACTIVE: 'running',
  VERIFY_RESIZE: 'running',
  REBOOT: 'rebooting',
  HARD_REBOOT: 'rebooting',
  SHUTOFF: 'stopped',
  SUSPENDED: 'suspended',
  SHELVED: 'suspended',
  SHELVED_OFFLOADED: 'suspended',
  PAUSED: 'paused',
  RESCUE: 'rescued',
  RESIZE: 'reconfiguring',
  REVERT_RESIZE: 'reconfiguring',
  REBUILD: 'reconfiguring',
  PASSWORD: 'reconfiguring',
  QUEUE_RESIZE: 'reconfiguring',
  PREP_RESIZE: 'reconfiguring',
  SHARE_IP: 'reconfiguring',
  SHARE_IP_NO_CONFIG: 'reconfiguring',
  DELETE_IP: 'reconfiguring',
  MIGRATING: 'migrating',
  DELETED: 'terminated',
  SOFT_DELETED: 'terminated',
  ERROR: 'error',
  UNKNOWN: 'unknown'
}

/** Nova's task states (`nova/compute/task_states.py`), `-` written as `_`. `image_*` is not here: a snapshot changes no state. */
const taskStates: Readonly<Record<string, NodeState>> = {
  scheduling: 'pending',
  block_device_mapping: 'pending',
  networking: 'pending',
  spawning: 'pending',
  powering_on: 'starting',
  resuming: 'starting',
  unpausing: 'starting',
  unshelving: 'starting',
  restoring: 'starting',
  powering_off: 'stopping',
  suspending: 'stopping',
  pausing: 'stopping',
  updating_password: 'reconfiguring',
  rescuing: 'reconfiguring',
  unrescuing: 'reconfiguring',
  migrating: 'migrating',
  deleting: 'terminating',
  soft_deleting: 'terminating'
}

/** Task states of one family: what begins so belongs to it, also one that is new. */
const taskFamilies: ReadonlyArray<readonly [string, NodeState]> = [
  ['reboot', 'rebooting'], ['shelving', 'stopping'], ['resize_', 'reconfiguring'], ['rebuild', 'reconfiguring']
]

function taskState (task: string, status: string): NodeState | undefined {
  const name = task.toLowerCase().replaceAll('-', '_')
  // What a node does on its way back from a shelf.
  if (name === 'spawning' && status === 'SHELVED_OFFLOADED') return 'starting'
  return taskStates[name] ?? taskFamilies.find(([family]) => name.startsWith(family))?.[1]
}

/** The state of a server: its task wins over its status; a task nobody has mapped leaves the status, a status `unknown`. */
export function nodeState (status: string, task: string | null): NodeState {
  const known = status.toUpperCase()
  // What is gone has no task, whatever was written there last.
  if (task === null || known === 'DELETED') return statusStates[known] ?? (known.startsWith('SHARE_IP') ? 'reconfiguring' : 'unknown')
  return taskState(task, known) ?? nodeState(status, null)
}

export interface Situation {
  status: string
  task: string | null
  state: NodeState
  /** Whether it was ever started. */
  launched: boolean
  /** Whether its root disk is a volume. */
  volumeBacked: boolean
}

const byStatus: Readonly<Record<string, readonly NodeAction[]>> = {
  VERIFY_RESIZE: ['confirm_resize', 'revert_resize', 'destroy'],
  SHELVED: ['resume', 'destroy'],
  SHELVED_OFFLOADED: ['resume', 'destroy'],
  SOFT_DELETED: ['restore'],
  DELETED: []
}

const volumeBacked: Partial<Record<NodeState, readonly NodeAction[]>> = {
  running: ['stop', 'reboot', 'pause', 'suspend', 'shelve', 'resize', 'destroy'],
  stopped: ['start', 'reboot', 'shelve', 'resize', 'destroy'],
  error: ['reboot', 'destroy']
}

const destroyOnly: readonly NodeAction[] = ['destroy']

/**
 * What Nova accepts where that is not what the state allows (`check_instance_state` in `nova/compute/api.py`; tried):
 * nothing but deletion while a snapshot or an unknown task is under way, or where the server was never started; no
 * rescue and no rebuild from another image where it boots from a volume (they need 2.87 and 2.93).
 */
export function specialActions ({ status, task, state, launched, volumeBacked: fromVolume }: Situation): readonly NodeAction[] | undefined {
  if (isTransitioning(state)) return undefined
  if (byStatus[status] !== undefined) return byStatus[status]
  if (state === 'unknown') return undefined
  if (task !== null || !launched) return destroyOnly
  return fromVolume ? volumeBacked[state] : undefined
}
