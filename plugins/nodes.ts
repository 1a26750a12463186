import fp from 'fastify-plugin'
import type { Call } from '../drivers/call.ts'
import type { Change, NodeService } from '../drivers/driver.ts'
import {
  nodeActionDetails, ProblemError, type Node, type NodeAction, type NodeCreate, type NodeState, type NodeUpdate,
  type NodeVerb, type Validation
} from '../openapi/model/index.ts'
import { methodOf, mustHonour } from './clouds/capabilities.ts'
import type { CallFrom } from './clouds/farm.ts'
import { validateNode } from './node-validation.ts'
import type { Started } from './operations/engine.ts'

declare module 'fastify' {
  interface FastifyInstance {
    nodes: Nodes
  }
}

/** What can be done to nodes, the same for every cloud. All throw ProblemError. */
export interface Nodes {
  create (cloud: string, input: NodeCreate, from: CallFrom, idempotencyKey?: string): Promise<Started>
  /** Tells what a create would meet. `invalid` is what the schema says of the body, if it does not fit. */
  validate (cloud: string, input: NodeCreate, invalid: Error | undefined, from: CallFrom): Promise<Validation>
  update (cloud: string, id: string, patch: NodeUpdate, from: CallFrom): Promise<Node>
  destroy (cloud: string, id: string, ifState: NodeState | undefined, from: CallFrom): Promise<Started>
  act (cloud: string, id: string, verb: NodeVerb, input: object, from: CallFrom): Promise<Started>
  /** A change of a part of a node, such as its NICs, as an operation on the node. */
  change (
    cloud: string, id: string, method: string, input: object, from: CallFrom, ask: (nodes: NodeService, call: Call) => Promise<Change>
  ): Promise<Started>
}

export default fp(async (fastify) => {
  const { farm, operations, resources } = fastify

  const method = <M extends keyof NodeService & string>(cloud: string, name: M) =>
    methodOf(farm.connection(cloud), `nodes.${name}`) as unknown as NonNullable<NodeService[M]>

  /** Options of another driver would be lost. */
  const mustBeOwnOptions = (cloud: string, { provider_options: options = {} }: NodeCreate) => {
    const { driver } = farm.connection(cloud)
    const foreign = Object.keys(options).filter((name) => name !== driver)
    if (foreign.length === 0) return
    throw new ProblemError('validation_failed', `The cloud ${cloud} has the driver ${driver}`, {
      errors: foreign.map((name) => ({ in: 'body', pointer: `/provider_options/${name}`, message: `must be options of ${driver}, the driver of this cloud` }))
    })
  }

  const checkCreate = (cloud: string, input: NodeCreate) => {
    mustHonour(farm.connection(cloud), 'nodes.create', input)
    mustBeOwnOptions(cloud, input)
  }

  const read = (cloud: string, id: string, from: CallFrom) =>
    farm.call(cloud, from, ({ nodes }, call) => nodes!.get(id, { extra: false }, call))

  const invalidState = ({ state, allowed_actions: allowed, name, id }: Node, action: string, hint?: string) =>
    new ProblemError('invalid_state', `${name ?? id} is ${state}, which does not allow ${action}`, {
      state, allowed_actions: allowed, ...(hint === undefined ? {} : { hint })
    })

  const mustBeOpen = ({ protected: locked, name, id }: Node) => {
    if (locked === true) throw new ProblemError('protected', `${name ?? id} is protected`)
  }

  /** Runs an action as an operation: joins the one under way, does nothing where its end holds, refuses what the state forbids. */
  const run = async (
    cloud: string, id: string, action: NodeAction, input: object, from: CallFrom, check?: (node: Node) => void
  ): Promise<Started> => {
    const { protects, nodes } = farm.connection(cloud)
    const service = nodes!
    const kind = `nodes.${action}`
    const target = { kind: 'node' as const, id }
    const under = operations.running(kind, cloud, target)
    if (under !== undefined) return { row: under }

    const node = await read(cloud, id, from)
    // Another caller may have asked for the same while the node was read.
    const meanwhile = operations.running(kind, cloud, target)
    if (meanwhile !== undefined) return { row: meanwhile }
    check?.(node)
    const asked = { kind, cloud, target, fromState: node.state, input: null }
    if (nodeActionDetails[action].settledStates.includes(node.state)) return operations.done(asked)
    if (!node.allowed_actions.includes(action)) throw invalidState(node, action)
    if (action === 'destroy' || protects !== 'destroy') mustBeOpen(node)
    return operations.start(asked, (_, call) => action === 'destroy'
      ? service.destroy!(id, call)
      : (service[action] as (id: string, input: object, call: unknown) => ReturnType<NonNullable<NodeService['stop']>>)(id, input, call), from)
  }

  fastify.decorate('nodes', {
    async create (cloud, input, from, idempotencyKey) {
      checkCreate(cloud, input)
      const service = farm.connection(cloud).nodes!
      return operations.start({ kind: 'nodes.create', cloud, target: null, fromState: null, input, idempotencyKey },
        (_, call) => service.create!(input, call), from)
    },

    async validate (cloud, input, invalid, from) {
      method(cloud, 'create')
      if (invalid !== undefined) return { valid: false, checks: [{ name: 'schema', ok: false, detail: invalid.message }] }
      return validateNode(farm, cloud, input, () => checkCreate(cloud, input), from)
    },

    update: (cloud, id, patch, from) =>
      resources.now(cloud, 'nodes.update', patch, from, ({ nodes }, call) => nodes!.update!(id, patch, call)),

    async destroy (cloud, id, ifState, from) {
      method(cloud, 'destroy')
      return run(cloud, id, 'destroy', {}, from, (node) => {
        if (ifState === undefined || node.state === ifState) return
        throw new ProblemError('precondition_failed', `${node.name ?? id} is ${node.state}, not ${ifState}`, {
          state: node.state, allowed_actions: node.allowed_actions
        })
      })
    },

    async change (cloud, id, method, input, from, ask) {
      const kind = `nodes.${method}`
      mustHonour(farm.connection(cloud), kind, input)
      const asked = { kind, cloud, target: { kind: 'node' as const, id }, fromState: null, input: null }
      return operations.start(asked, ({ nodes }, call) => ask(nodes!, call), from)
    },

    async act (cloud, id, verb, input, from) {
      mustHonour(farm.connection(cloud), `nodes.${verb}`, input)
      return run(cloud, id, verb, input, from, (node) => {
        // What does not run has nobody to ask for a soft reboot.
        const soft = verb === 'reboot' && (input as { type?: string }).type !== 'hard'
        if (soft && node.state !== 'running' && node.allowed_actions.includes('reboot')) {
          throw invalidState(node, 'a soft reboot', 'Reboot it with {"type": "hard"}.')
        }
      })
    }
  } satisfies Nodes)
}, { name: 'nodes', dependencies: ['clouds', 'operations', 'resources'] })
