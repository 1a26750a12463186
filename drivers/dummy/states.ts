import { nodeVerbs, type NodeAction, type NodeState } from '../../openapi/model/index.ts'
import { allowedActions, isTransitioning } from '../states.ts'

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

/** In this order; a task that fits none leaves the status its say. */
const byTask: ReadonlyArray<readonly [RegExp, NodeState]> = [
  [/^(scheduling|block_device_mapping|networking|spawning)$/, 'pending'],
  [/^(powering_on|resuming|unpausing|unshelving|restoring)$/, 'starting'],
  [/^reboot/, 'rebooting'],
  [/^(powering_off|suspending|pausing|shelving.*)$/, 'stopping'],
  [/^(resize_.*|rebuild.*|updating_password|rescuing|unrescuing)$/, 'reconfiguring'],
  [/^migrating$/, 'migrating'],
  [/^(deleting|soft_deleting)$/, 'terminating']
]

/** Statuses that allow something else than their state. */
const special = new Map<string, readonly NodeAction[]>(Object.entries({
  VERIFY_RESIZE: ['confirm_resize', 'revert_resize', 'destroy'],
  SHELVED: ['resume', 'destroy'],
  SHELVED_OFFLOADED: ['resume', 'destroy'],
  SOFT_DELETED: ['restore']
} satisfies Record<string, readonly NodeAction[]>))

const can: ReadonlySet<string> = new Set([...nodeVerbs, 'destroy'])

function stateOfTask (status: string, task: string | null) {
  if (task === null) return undefined
  // Nova writes some with a dash and some with an underscore.
  const word = task.replaceAll('-', '_')
  if (status === 'SHELVED_OFFLOADED' && word === 'spawning') return 'starting'
  return byTask.find(([form]) => form.test(word))?.[1]
}

export interface Mapped {
  state: NodeState
  transitioning: boolean
  allowed_actions: NodeAction[]
}

function map (status: string, task: string | null): Mapped {
  const passing = stateOfTask(status, task)
  const state = passing ?? byStatus.get(status) ?? 'unknown'
  return {
    state,
    transitioning: isTransitioning(state),
    allowed_actions: allowedActions(state, can, passing === undefined ? special.get(status) : undefined)
  }
}

const mapped = new Map<string, Mapped>()

/** The model's state for a status and task of Nova, and what it allows. The result is shared: it must not be changed. */
export function mapState (status: string, task: string | null): Mapped {
  const key = `${status}/${task ?? ''}`
  const known = mapped.get(key)
  if (known !== undefined) return known
  const made = map(status, task)
  mapped.set(key, made)
  return made
}
