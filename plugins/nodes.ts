import fp from 'fastify-plugin'
import {
  ProblemError,
  type FieldError,
  type NodeCreate,
  type NodeState,
  type NodeVerb,
  type Validation
} from '../openapi/model/index.ts'
import { invalidState, type ActionTarget } from './actions.ts'
import type { CloudHandle } from './clouds/handle.ts'
import { toChecks, validateNode } from './node-validation.ts'
import type { FirstAnswer } from './operations/first-answer.ts'
import type { StartedOperation } from './operations/start.ts'

declare module 'fastify' {
  interface FastifyInstance {
    nodes: Nodes
  }
}

/** The changes that only nodes have. All methods throw ProblemError. */
export interface Nodes {
  create(cloud: CloudHandle, input: NodeCreate, first?: FirstAnswer): Promise<StartedOperation>
  /** Checks a create without creating anything. `schemaErrors` is the result of the schema validation. */
  validate(
    cloud: CloudHandle,
    input: NodeCreate,
    schemaErrors: readonly FieldError[]
  ): Promise<Validation>
  /** Destroys a node. With `ifState`, only if the node is in that state; throws precondition_failed otherwise. */
  destroy(cloud: CloudHandle, id: string, ifState?: NodeState): Promise<StartedOperation>
  runVerb(cloud: CloudHandle, id: string, verb: NodeVerb, input: object): Promise<StartedOperation>
}

/** Throws validation_failed for options of another driver, which this cloud would ignore. */
function checkOptions (
  { name, connection: { driver } }: CloudHandle,
  { provider_options: options = {} }: NodeCreate
) {
  const foreign = Object.keys(options).filter((key) => key !== driver)
  if (foreign.length === 0) return
  throw new ProblemError('validation_failed', `The cloud ${name} has the driver ${driver}`, {
    errors: foreign.map((key) => ({
      in: 'body',
      pointer: `/provider_options/${key}`,
      message: `must be options of ${driver}, the driver of this cloud`
    }))
  })
}

function checkCreate (cloud: CloudHandle, input: NodeCreate) {
  cloud.require('nodes.create', input)
  checkOptions(cloud, input)
}

/** A node that does not run has no operating system that could do a soft reboot. */
function checkSoftReboot (node: ActionTarget) {
  if (node.state === 'running' || node.allowed_actions?.includes('reboot') !== true) return
  throw invalidState(node, 'a soft reboot', 'Reboot it with {"type": "hard"}.')
}

export default fp(async (fastify) => {
  const { actions } = fastify

  fastify.decorate(
    'nodes',
    {
      async create (cloud, input, first) {
        checkCreate(cloud, input)
        return actions.create(cloud, 'nodes', input, first)
      },

      async validate (cloud, input, schemaErrors) {
        cloud.require('nodes.create')
        if (schemaErrors.length > 0) {
          return { valid: false, checks: toChecks('schema', schemaErrors) }
        }
        return validateNode(cloud, input, () => checkCreate(cloud, input))
      },

      destroy: async (cloud, id, ifState) =>
        actions.run(cloud, {
          kind: 'node',
          id,
          method: 'destroy',
          input: {},
          check ({ name, state, allowed_actions: allowed }) {
            if (ifState === undefined || state === ifState) return
            throw new ProblemError(
              'precondition_failed',
              `${name ?? id} is ${state}, not ${ifState}`,
              {
                state,
                allowed_actions: [...allowed ?? []]
              }
            )
          }
        }),

      async runVerb (cloud, id, verb, input) {
        const isSoftReboot = verb === 'reboot' && (input as { type?: string }).type !== 'hard'
        const check = isSoftReboot ? checkSoftReboot : undefined
        return actions.run(cloud, { kind: 'node', id, method: verb, input, check })
      }
    } satisfies Nodes
  )
}, { name: 'nodes', dependencies: ['actions'] })
