import {
  nodeActionDetails,
  nodeActions,
  nodeStates,
  type NodeAction,
  type NodeState
} from '../openapi/model/index.ts'

const actionsByState = Object.fromEntries(nodeStates.map((state) => {
  const isAllowed = (action: NodeAction) =>
    state === 'unknown' || nodeActionDetails[action].allowedStates.includes(state)
  return [state, nodeActions.filter(isAllowed)]
})) as Record<NodeState, NodeAction[]>

/** States in which the cloud changes the node, and which end by themselves. */
const transitionStates = new Set<NodeState>([
  'pending',
  'starting',
  'rebooting',
  'stopping',
  'reconfiguring',
  'migrating',
  'terminating'
])

export const isTransitioning = (state: NodeState) => transitionStates.has(state)

/**
 * Returns the actions that a node allows: those of its state, or `special` instead, limited to the actions that the
 * driver `supports`.
 */
export function allowedActions (
  state: NodeState,
  supports: ReadonlySet<string>,
  special?: readonly NodeAction[]
) {
  return (special ?? actionsByState[state]).filter((action) => supports.has(action))
}
