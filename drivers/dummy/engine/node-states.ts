import {
  nodeVerbs, ProblemError, type NodeAction, type NodeState
} from '../../../openapi/model/index.ts'
import { allowedActions, isTransitioning } from '../../states.ts'
import type { NodeRecord } from './records.ts'

const byStatus = new Map<string, NodeState>(Object.entries({
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
  MIGRATING: 'migrating',
  DELETED: 'terminated',
  SOFT_DELETED: 'terminated',
  ERROR: 'error'
} satisfies Record<string, NodeState>))

/** The first pattern that matches decides. If none matches, the status decides. */
const byTask: ReadonlyArray<readonly [RegExp, NodeState]> = [
  [/^(scheduling|block_device_mapping|networking|spawning)$/, 'pending'],
  [/^(powering_on|resuming|unpausing|unshelving|restoring)$/, 'starting'],
  [/^reboot/, 'rebooting'],
  [/^(powering_off|suspending|pausing|shelving.*)$/, 'stopping'],
  [/^(resize_.*|rebuild.*|updating_password|rescuing|unrescuing)$/, 'reconfiguring'],
  [/^migrating$/, 'migrating'],
  [/^(deleting|soft_deleting)$/, 'terminating']
]

/** The actions of statuses that differ from the actions of their state. */
const actionsByStatus = new Map<string, readonly NodeAction[]>(Object.entries({
  VERIFY_RESIZE: ['confirm_resize', 'revert_resize', 'destroy'],
  SHELVED: ['resume', 'destroy'],
  SHELVED_OFFLOADED: ['resume', 'destroy'],
  SOFT_DELETED: ['restore']
} satisfies Record<string, readonly NodeAction[]>))

const supportedActions: ReadonlySet<string> = new Set([...nodeVerbs, 'destroy'])

function stateOfTask (status: string, task: string | null) {
  if (task === null) return undefined
  // Nova writes some tasks with a dash and some with an underscore.
  const name = task.replaceAll('-', '_')
  if (status === 'SHELVED_OFFLOADED' && name === 'spawning') return 'starting'
  return byTask.find(([pattern]) => pattern.test(name))?.[1]
}

function mapStatus (status: string, task: string | null) {
  const taskState = stateOfTask(status, task)
  const state = taskState ?? byStatus.get(status) ?? 'unknown'
  const special = taskState === undefined ? actionsByStatus.get(status) : undefined
  return {
    state,
    transitioning: isTransitioning(state),
    allowed_actions: allowedActions(state, supportedActions, special)
  }
}

const cache = new Map<string, ReturnType<typeof mapStatus>>()

/** Maps Nova's status and task to the state and its actions. Callers must not change the result. */
export function nodeStateOf ({ status, task }: Pick<NodeRecord, 'status' | 'task'>) {
  const key = `${status}/${task ?? ''}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const mapped = mapStatus(status, task)
  cache.set(key, mapped)
  return mapped
}

export function assertUnprotected (node: NodeRecord) {
  if (node.protected) throw new ProblemError('protected', `Node ${node.id} is protected`)
}

/** Creates invalid_state with the detail `Node … is stopped` and the consequence. */
export function nodeStateError (node: NodeRecord, consequence: string, hint?: string) {
  const { state, allowed_actions: allowed } = nodeStateOf(node)
  return new ProblemError('invalid_state', `Node ${node.id} is ${state}${consequence}`, {
    state, allowed_actions: allowed, ...(hint && { hint })
  })
}

/** The states in which Nova attaches and detaches NICs and volumes. */
const attachableStates: readonly NodeState[] = ['running', 'stopped', 'paused']

export const isAttachable = (node: NodeRecord) => attachableStates.includes(nodeStateOf(node).state)
