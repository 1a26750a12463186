import { openEnum } from '../common.ts'
import { model } from '../model.ts'

export const nodeStates = [
  'pending',
  'starting',
  'running',
  'rebooting',
  'stopping',
  'stopped',
  'suspended',
  'paused',
  'rescued',
  'reconfiguring',
  'migrating',
  'terminating',
  'terminated',
  'error',
  'unknown'
] as const
export type NodeState = typeof nodeStates[number]
export const NodeState = model(
  'NodeState',
  openEnum(nodeStates, 'The state of a node, the same for every cloud.')
)
