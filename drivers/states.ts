import { nodeVerbs, type NodeAction, type NodeState } from '../openapi/model/index.ts'

/**
 * What each state allows, as Nova does it, whose machine is the largest of all clouds'. Where a provider's own status
 * allows more or less than its state (VERIFY_RESIZE, SHELVED), the driver says so with `special`.
 */
const byState: Record<NodeState, readonly NodeAction[]> = {
  pending: ['destroy'],
  starting: ['destroy'],
  running: ['stop', 'reboot', 'pause', 'suspend', 'shelve', 'rescue', 'resize', 'rebuild', 'destroy'],
  rebooting: ['destroy'],
  stopping: ['destroy'],
  stopped: ['start', 'reboot', 'shelve', 'resize', 'rebuild', 'destroy'],
  suspended: ['reboot', 'resume', 'shelve', 'destroy'],
  paused: ['reboot', 'resume', 'shelve', 'destroy'],
  rescued: ['unrescue', 'destroy'],
  reconfiguring: ['destroy'],
  migrating: [],
  terminating: [],
  terminated: [],
  error: ['reboot', 'rebuild', 'destroy'],
  unknown: [...nodeVerbs, 'destroy']
}

/** States in which the cloud is at work on the node, and which end by themselves. */
const passing = new Set<NodeState>(['pending', 'starting', 'rebooting', 'stopping', 'reconfiguring', 'migrating', 'terminating'])

export const isTransitioning = (state: NodeState) => passing.has(state)

/** The actions that a node allows: what its state does, or `special` in its place, as far as the driver `can` do it. */
export function allowedActions (state: NodeState, can: ReadonlySet<string>, special?: readonly NodeAction[]): NodeAction[] {
  return (special ?? byState[state]).filter((action) => can.has(action))
}

/** The state in which a verb has nothing left to do. Verbs that are not here always do something. */
export const settledStates: Partial<Record<NodeAction, readonly NodeState[]>> = {
  start: ['running'],
  stop: ['stopped'],
  pause: ['paused'],
  suspend: ['suspended'],
  resume: ['running'],
  rescue: ['rescued'],
  unrescue: ['running'],
  destroy: ['terminated', 'terminating']
}
