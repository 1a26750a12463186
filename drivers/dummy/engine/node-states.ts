import {
  nodeVerbs, ProblemError, type NodeAction, type NodeState
} from '../../../openapi/model/index.ts'
import { nodeState } from '../../nova-states.ts'
import { allowedActions, isTransitioning } from '../../states.ts'
import type { NodeRecord } from './records.ts'

/** The actions of statuses that differ from the actions of their state. */
const actionsByStatus = new Map<string, readonly NodeAction[]>(Object.entries({
  VERIFY_RESIZE: ['confirm_resize', 'revert_resize', 'destroy'],
  SHELVED: ['resume', 'destroy'],
  SHELVED_OFFLOADED: ['resume', 'destroy'],
  SOFT_DELETED: ['restore']
} satisfies Record<string, readonly NodeAction[]>))

const supportedActions: ReadonlySet<string> = new Set([...nodeVerbs, 'destroy'])

function mapStatus (status: string, task: string | null) {
  const state = nodeState(status, task)
  const transitioning = isTransitioning(state)
  const special = transitioning ? undefined : actionsByStatus.get(status)
  return { state, transitioning, allowed_actions: allowedActions(state, supportedActions, special) }
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
