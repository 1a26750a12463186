import type { NodeAction, NodeState } from '../../openapi/model/index.ts'

/**
 * Nova's statuses (`nova/api/openstack/common.py`, `_STATE_MAP`), and those that only Rackspace
 * has: QUEUE_RESIZE, PREP_RESIZE, SHARE_IP*, DELETE_IP.
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

/**
 * Nova's task states (`nova/compute/task_states.py`), with `_` for `-`. `image_*` is omitted: a
 * snapshot changes no state.
 */
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

/** Prefixes of task states, so that a new task of a family is mapped too. */
const taskFamilies: ReadonlyArray<readonly [prefix: string, state: NodeState]> = [
  ['reboot', 'rebooting'],
  ['shelving', 'stopping'],
  ['resize_', 'reconfiguring'],
  ['rebuild', 'reconfiguring']
]

function taskState (task: string, status: string): NodeState | undefined {
  const name = task.toLowerCase().replaceAll('-', '_')
  // An unshelve of an offloaded server spawns it again.
  if (name === 'spawning' && status === 'SHELVED_OFFLOADED') return 'starting'
  return taskStates[name] ?? taskFamilies.find(([prefix]) => name.startsWith(prefix))?.[1]
}

/** The actions that Nova accepts in a status without a task, for a server that was launched once. */
const statusActions: Readonly<Record<string, readonly NodeAction[]>> = {
  ACTIVE: [
    'stop',
    'reboot',
    'pause',
    'suspend',
    'shelve',
    'rescue',
    'resize',
    'rebuild',
    'destroy'
  ],
  SHUTOFF: ['start', 'reboot', 'shelve', 'rescue', 'resize', 'rebuild', 'destroy'],
  PAUSED: ['reboot', 'resume', 'shelve', 'destroy'],
  SUSPENDED: ['reboot', 'resume', 'shelve', 'destroy'],
  RESCUE: ['unrescue', 'destroy'],
  ERROR: ['stop', 'reboot', 'rescue', 'rebuild', 'destroy'],
  VERIFY_RESIZE: ['confirm_resize', 'revert_resize', 'destroy'],
  SHELVED: ['resume', 'destroy'],
  SHELVED_OFFLOADED: ['resume', 'destroy'],
  SOFT_DELETED: ['restore'],
  DELETED: []
}

/** Tasks during which Nova accepts a hard reboot (`ALLOW_REBOOT` in `nova/compute/task_states.py`). */
const rebootableTasks = new Set([
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'resuming',
  'rebooting_hard',
  'unpausing',
  'pausing',
  'suspending'
])

/** The statuses in which Nova accepts a hard reboot (`ALLOW_HARD_REBOOT` in `nova/compute/vm_states.py`). */
const rebootableStatuses = new Set([
  'ACTIVE',
  'REBOOT',
  'HARD_REBOOT',
  'SHUTOFF',
  'PAUSED',
  'SUSPENDED',
  'ERROR'
])

const isRebootable = (status: string, task: string) =>
  rebootableStatuses.has(status) && rebootableTasks.has(task.toLowerCase().replaceAll('-', '_'))

/**
 * Maps a server's status and task to a node state. The task wins, unless it is unmapped; an
 * unmapped status is `unknown`.
 */
export function nodeState (status: string, task: string | null): NodeState {
  const name = status.toUpperCase()
  const fromTask = task === null || name === 'DELETED' ? undefined : taskState(task, name)
  if (fromTask !== undefined) return fromTask
  return statusStates[name] ?? (name.startsWith('SHARE_IP') ? 'reconfiguring' : 'unknown')
}

export interface NovaStatus {
  status: string
  task: string | null
  /** Whether the server has run since its creation. */
  isLaunched: boolean
}

/**
 * Returns the actions that Nova accepts (`check_instance_state` in `nova/compute/api.py`); undefined for the actions of
 * the node's state. During any task it accepts deletion, during some also a hard reboot. Before the first launch it
 * accepts only deletion.
 */
export function novaActions (
  { status, task, isLaunched }: NovaStatus
): readonly NodeAction[] | undefined {
  const name = status.toUpperCase()
  const state = nodeState(status, task)
  if (state === 'terminating') return undefined
  // A deleted server keeps its last task.
  if (name === 'DELETED') return []
  if (task !== null) {
    return isLaunched && isRebootable(name, task)
      ? ['reboot', 'destroy']
      : ['destroy']
  }
  if (state === 'migrating') return ['destroy']
  const actions = statusActions[name]
  return isLaunched
    ? actions
    : actions?.filter((action) => action === 'destroy' || action === 'restore')
}
