import { Type, type Static, type TSchema } from '#typebox'
import { Id, inputObject, noFields, openEnum } from '../common.ts'
import type { Level } from '../caller.ts'
import { model } from '../model.ts'
import type { NodeState } from './node-states.ts'

export interface NodeActionDetails {
  /** The level that a caller needs on the cloud. */
  level: Level
  /** The states that allow the action. `unknown` allows every action. */
  allowedStates: readonly NodeState[]
  /** The states in which there is nothing to do. The operation then succeeds at once. */
  settledStates: readonly NodeState[]
  /** The states that the action leads to. The server needs them if the response of the cloud was lost. */
  endStates: readonly NodeState[]
  /** Whether an end state proves that the action was executed. Otherwise the server must have seen a transition. */
  endStateIsProof: boolean
}

export interface NodeVerbDetails extends NodeActionDetails {
  body: TSchema
  /** Names the terms of the clouds, so that a search for them finds the verb. */
  summary: string
}

/**
 * Every verb under `/nodes/{id}/actions/`, in the order of the document. States are those of Nova, whose state machine
 * is the largest of all clouds. A driver overrides `allowedStates` for a provider status that allows more or less than
 * its state (VERIFY_RESIZE, SHELVED): see `allowedActions` in drivers/states.ts.
 */
export const nodeVerbDetails = {
  start: {
    level: 'operate',
    body: noFields,
    summary: 'Start a stopped node',
    allowedStates: ['stopped'],
    settledStates: ['running'],
    endStates: ['running'],
    endStateIsProof: true
  },
  stop: {
    level: 'operate',
    body: noFields,
    summary: 'Stop a node; it is not destroyed',
    allowedStates: ['running'],
    settledStates: ['stopped'],
    endStates: ['stopped'],
    endStateIsProof: true
  },
  reboot: {
    level: 'operate',
    body: model(
      'NodeReboot',
      inputObject({}, {
        type: Type.Enum(['soft', 'hard'], {
          type: 'string',
          description:
            'soft (the default) asks the operating system to restart; hard resets the machine.'
        })
      })
    ),
    summary: 'Reboot a node',
    allowedStates: ['running', 'stopped', 'suspended', 'paused', 'error'],
    settledStates: [],
    endStates: ['running'],
    endStateIsProof: false
  },
  pause: {
    level: 'operate',
    body: noFields,
    summary: 'Pause a node: it stays in memory and does not run',
    allowedStates: ['running'],
    settledStates: ['paused'],
    endStates: ['paused'],
    endStateIsProof: true
  },
  suspend: {
    level: 'operate',
    body: noFields,
    summary: 'Suspend a node to disk',
    allowedStates: ['running'],
    settledStates: ['suspended'],
    endStates: ['suspended'],
    endStateIsProof: true
  },
  resume: {
    level: 'operate',
    body: noFields,
    summary: 'Resume a paused, suspended or shelved node (unpause, resume, unshelve)',
    allowedStates: ['suspended', 'paused'],
    settledStates: ['running'],
    endStates: ['running'],
    endStateIsProof: true
  },
  shelve: {
    level: 'manage',
    body: noFields,
    summary: 'Shelve a node: the cloud keeps its disk as an image and frees its host',
    allowedStates: ['running', 'stopped', 'suspended', 'paused'],
    settledStates: [],
    endStates: ['suspended'],
    endStateIsProof: false
  },
  rescue: {
    level: 'manage',
    body: model(
      'NodeRescue',
      inputObject({}, {
        image_id: Id('Image to rescue with. Default: the image of the node.', 'images')
      })
    ),
    summary: 'Boot a node from a rescue image',
    allowedStates: ['running'],
    settledStates: ['rescued'],
    endStates: ['rescued'],
    endStateIsProof: true
  },
  unrescue: {
    level: 'manage',
    body: noFields,
    summary: 'Boot a rescued node from its own disk again',
    allowedStates: ['rescued'],
    settledStates: ['running'],
    endStates: ['running', 'stopped'],
    endStateIsProof: true
  },
  resize: {
    level: 'manage',
    body: model('NodeResize', inputObject({ size_id: Id('The new size.', 'sizes') })),
    summary: 'Change the size of a node (flavor, instance type)',
    allowedStates: ['running', 'stopped'],
    settledStates: [],
    endStates: ['running', 'stopped'],
    endStateIsProof: false
  },
  confirm_resize: {
    level: 'manage',
    body: noFields,
    summary: 'Keep the new size',
    allowedStates: [],
    settledStates: [],
    endStates: ['running', 'stopped'],
    endStateIsProof: false
  },
  revert_resize: {
    level: 'manage',
    body: noFields,
    summary: 'Go back to the old size',
    allowedStates: [],
    settledStates: [],
    endStates: ['running', 'stopped'],
    endStateIsProof: false
  },
  rebuild: {
    level: 'manage',
    body: model('NodeRebuild', inputObject({ image_id: Id('Image to rebuild from.', 'images') })),
    summary: 'Overwrite the disk of a node with an image',
    allowedStates: ['running', 'stopped', 'error'],
    settledStates: [],
    endStates: ['running', 'stopped'],
    endStateIsProof: false
  },
  restore: {
    level: 'manage',
    body: noFields,
    summary: 'Restore a destroyed node, if the cloud keeps destroyed nodes for a while',
    allowedStates: [],
    settledStates: [],
    endStates: ['running', 'stopped'],
    endStateIsProof: true
  }
} satisfies Record<string, NodeVerbDetails>

export type NodeVerb = keyof typeof nodeVerbDetails
export const nodeVerbs = Object.keys(nodeVerbDetails) as NodeVerb[]

/** The input of each verb, as a driver receives it. */
export type NodeVerbInput = { [V in NodeVerb]: Static<typeof nodeVerbDetails[V]['body']> }

export type NodeAction = NodeVerb | 'destroy'

/** The verbs, and `destroy`, which is not a verb under `/actions/` but DELETE. */
export const nodeActionDetails: Readonly<Record<NodeAction, NodeActionDetails>> = {
  ...nodeVerbDetails,
  destroy: {
    level: 'manage',
    allowedStates: [
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
      'error'
    ],
    settledStates: ['terminated', 'terminating'],
    endStates: ['terminated'],
    endStateIsProof: true
  }
}

export const nodeActions = Object.keys(nodeActionDetails) as NodeAction[]
export const NodeAction = model('NodeAction', openEnum(nodeActions, 'An action on a node.'))
