import fp from 'fastify-plugin'
import { capabilitiesOf, type NodeService, type ReadService } from '../drivers/driver.ts'
import { settledStates } from '../drivers/states.ts'
import {
  ProblemError, type Node, type NodeAction, type NodeCreate, type NodeState, type NodeUpdate, type NodeVerb, type Validation
} from '../openapi/model/index.ts'
import type { CallFrom } from './clouds/farm.ts'
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
}

/** The fields that a request uses, dotted: `networks.fixed_ip`. What has the value that is meant by leaving it out does not count. */
function usedParameters (input: object): string[] {
  return Object.entries(input).flatMap(([name, value]) => {
    if (name === 'count' && value === 1) return []
    if (name === 'protected' && value === false) return []
    // Options of a driver are checked by its own schema, tags are free.
    if (name === 'tags' || name === 'provider_options' || value === null || typeof value !== 'object') return [name]
    const below = new Set([value].flat().flatMap((item) => typeof item === 'object' ? Object.keys(item as object) : []))
    return [name, ...[...below].map((key) => `${name}.${key}`)]
  })
}

export default fp(async (fastify) => {
  const { farm, operations } = fastify

  const notSupported = (cloud: string, driver: string, capability: string) =>
    new ProblemError('not_supported', `The cloud ${cloud} cannot do ${capability}`, { cloud, driver, capability })

  const method = <M extends keyof NodeService>(cloud: string, name: M): NonNullable<NodeService[M]> => {
    const { nodes, driver } = farm.connection(cloud)
    const found = nodes?.[name]
    if (found === undefined) throw notSupported(cloud, driver, `nodes.${name}`)
    return found
  }

  /** Throws not_supported for the first field that this cloud does not honour, before any call. */
  const mustHonour = (cloud: string, capability: string, input: object) => {
    const connection = farm.connection(cloud)
    const known = new Set(capabilitiesOf(connection)[capability]?.parameters)
    const unknown = usedParameters(input).find((name) => !known.has(name))
    if (unknown !== undefined) throw notSupported(cloud, connection.driver, `${capability}.${unknown}`)
  }

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
    method(cloud, 'create')
    mustHonour(cloud, 'nodes.create', input)
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
    const service = farm.connection(cloud).nodes!
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
    if (settledStates[action]?.includes(node.state) === true) return operations.done(asked)
    if (!node.allowed_actions.includes(action)) throw invalidState(node, action)
    mustBeOpen(node)
    return operations.start(asked, (_, call) => action === 'destroy'
      ? service.destroy!(id, call)
      : (service[action] as (id: string, input: object, call: unknown) => ReturnType<NonNullable<NodeService['stop']>>)(id, input, call), from)
  }

  /** Whether something named in a create is there: null where that cannot be found out. */
  const exists = async (cloud: string, service: 'images' | 'sizes', id: string, from: CallFrom): Promise<{ ok: boolean | null, detail: string }> => {
    const what = service === 'images' ? 'image' : 'size'
    try {
      const connection = farm.connection(cloud)
      const read = connection[service] as ReadService<{ name: string | null, state: string }> | undefined
      if (read === undefined) return { ok: null, detail: `This cloud cannot tell its ${service}` }
      if (connection.ids[service]?.test(id) === false) return { ok: false, detail: `"${id.slice(0, 64)}" cannot be the id of one` }
      const { name, state } = await farm.call(cloud, from, (_, call) => read.get(id, { extra: false }, call))
      const usable = state === 'available'
      return { ok: usable, detail: usable ? `The ${what} ${name ?? id} is there` : `The ${what} ${name ?? id} is ${state}` }
    } catch (error) {
      const { code, message } = error as ProblemError
      return { ok: code === 'resource_not_found' ? false : null, detail: message }
    }
  }

  const attempt = (run: () => void): { ok: boolean, detail: string } => {
    try {
      run()
      return { ok: true, detail: 'The cloud honours every field' }
    } catch (error) {
      return { ok: false, detail: (error as Error).message }
    }
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
      const [image, size] = await Promise.all([
        exists(cloud, 'images', input.image_id, from), exists(cloud, 'sizes', input.size_id, from)
      ])
      const checks = [
        { name: 'schema', ok: true, detail: 'The body is valid' },
        { name: 'capability', ...attempt(() => checkCreate(cloud, input)) },
        { name: 'image', ...image },
        { name: 'size', ...size },
        { name: 'quota', ok: null, detail: 'This cloud does not tell its quotas here' }
      ]
      return { valid: checks.every(({ ok }) => ok !== false), checks }
    },

    async update (cloud, id, patch, from) {
      const update = method(cloud, 'update')
      mustHonour(cloud, 'nodes.update', patch)
      try {
        return await farm.call(cloud, from, (_, call) => update(id, patch, call))
      } catch (error) {
        const problem = error as ProblemError
        if (!problem.outcomeUnknown) throw problem
        throw new ProblemError('outcome_unknown', `${problem.message}, so it is not known whether the change was made`, {
          ...problem.details, cause: problem, hint: 'Get the node to see; the same PATCH may be sent again.'
        })
      }
    },

    async destroy (cloud, id, ifState, from) {
      method(cloud, 'destroy')
      return run(cloud, id, 'destroy', {}, from, (node) => {
        if (ifState === undefined || node.state === ifState) return
        throw new ProblemError('precondition_failed', `${node.name ?? id} is ${node.state}, not ${ifState}`, {
          state: node.state, allowed_actions: node.allowed_actions
        })
      })
    },

    async act (cloud, id, verb, input, from) {
      method(cloud, verb)
      mustHonour(cloud, `nodes.${verb}`, input)
      return run(cloud, id, verb, input, from, (node) => {
        // What does not run has nobody to ask for a soft reboot.
        const soft = verb === 'reboot' && (input as { type?: string }).type !== 'hard'
        if (soft && node.state !== 'running' && node.allowed_actions.includes('reboot')) {
          throw invalidState(node, 'a soft reboot', 'Reboot it with {"type": "hard"}.')
        }
      })
    }
  } satisfies Nodes)
}, { name: 'nodes', dependencies: ['clouds', 'operations'] })
