import { nodeVerbs, ProblemError, type NodeState } from '../../../openapi/model/index.ts'
import { nodeState, novaActions, type NovaStatus } from '../../common/nova-states.ts'
import { allowedActions, isTransitioning } from '../../states.ts'
import type { NodeRecord } from './records.ts'

const supportedActions: ReadonlySet<string> = new Set([...nodeVerbs, 'destroy'])

function mapStatus (nova: NovaStatus) {
  const state = nodeState(nova.status, nova.task)
  return {
    state,
    transitioning: isTransitioning(state),
    allowed_actions: allowedActions(state, supportedActions, novaActions(nova))
  }
}

type NodeStatus = Pick<NodeRecord, 'status' | 'task'> & Partial<Pick<NodeRecord, 'launched_at'>>

const cache = new Map<string, ReturnType<typeof mapStatus>>()

/** Maps Nova's status and task to the state and its actions. Callers must not change the result. */
export function nodeStateOf ({ status, task, launched_at: launchedAt }: NodeStatus) {
  const isLaunched = launchedAt !== null
  const key = `${status}/${task ?? ''}/${isLaunched}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const mapped = mapStatus({ status, task, isLaunched })
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
    state,
    allowed_actions: allowed,
    ...(hint && { hint })
  })
}

/** The states in which Nova attaches and detaches NICs and volumes. */
const attachableStates: readonly NodeState[] = ['running', 'stopped', 'paused']

export const isAttachable = (node: NodeRecord) => attachableStates.includes(nodeStateOf(node).state)
