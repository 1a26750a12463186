import fp from 'fastify-plugin'
import type { Call } from '../drivers/call.ts'
import type { Change, Connection, ReadService, ServiceName, SlowService } from '../drivers/driver.ts'
import { ProblemError, type ResourceKind } from '../openapi/model/index.ts'
import { mustHonour } from './clouds/capabilities.ts'
import type { CallFrom } from './clouds/farm.ts'
import type { Started } from './operations/engine.ts'

declare module 'fastify' {
  interface FastifyInstance {
    resources: Resources
  }
}

/** A resource and what is to be done to it. */
export interface Act {
  cloud: string
  service: ServiceName
  kind: ResourceKind
  id: string
  /** Method of the service: `attach`. */
  method: string
  input: object
}

type Ask<T> = (connection: Connection, call: Call) => Promise<T>

/** What can be done to resources other than nodes, the same for every cloud. All throw ProblemError. */
export interface Resources {
  /** A change that the cloud makes at once. Where its answer is lost it is outcome_unknown. */
  now<T> (cloud: string, capability: string, input: object, from: CallFrom, run: Ask<T>): Promise<T>
  /** A create that takes its time. */
  create (cloud: string, service: ServiceName, input: object, from: CallFrom, idempotencyKey?: string): Promise<Started>
  /** A change that takes its time: joins the one under way. */
  act (act: Act, from: CallFrom): Promise<Started>
  /** A slow change that has no resource yet and cannot be repeated, such as an upload. */
  once (cloud: string, capability: string, input: object, from: CallFrom, run: Ask<Change>): Promise<Started>
}

type Method = (id: string, input: object, call: Call) => Promise<Change>
type Destroy = (id: string, call: Call, options: object) => Promise<Change>

export default fp(async (fastify) => {
  const { farm, operations } = fastify

  fastify.decorate('resources', {
    async now (cloud, capability, input, from, run) {
      mustHonour(farm.connection(cloud), capability, input)
      try {
        return await farm.call(cloud, from, run)
      } catch (error) {
        const problem = error as ProblemError
        if (!problem.outcomeUnknown) throw problem
        throw new ProblemError('outcome_unknown', `${problem.message}, so it is not known whether the change was made`, {
          ...problem.details, cause: problem, hint: 'Read the resource, or list the collection, before you try again.'
        })
      }
    },

    async create (cloud, service, input, from, idempotencyKey) {
      const kind = `${service}.create`
      const connection = farm.connection(cloud)
      mustHonour(connection, kind, input)
      const { create } = connection[service] as SlowService<unknown, object, object>
      const asked = { kind, cloud, target: null, fromState: null, input, idempotencyKey }
      return operations.start(asked, (_, call) => create!(input, call), from)
    },

    async act ({ cloud, service, kind: resource, id, method, input }, from) {
      const kind = `${service}.${method}`
      const connection = farm.connection(cloud)
      mustHonour(connection, kind, input)
      const target = { kind: resource, id }
      const under = operations.running(kind, cloud, target)
      if (under !== undefined) return { row: under }
      const of = connection[service] as unknown as ReadService<{ state: string }> & Record<string, Method>
      const { state } = await farm.call(cloud, from, (_, call) => of.get(id, { extra: false }, call))
      const meanwhile = operations.running(kind, cloud, target)
      if (meanwhile !== undefined) return { row: meanwhile }
      const ask = (_: Connection, call: Call) => method === 'destroy'
        ? (of as unknown as Record<string, Destroy>).destroy!(id, call, input)
        : of[method]!(id, input, call)
      return operations.start({ kind, cloud, target, fromState: state, input: null }, ask, from)
    },

    async once (cloud, capability, input, from, run) {
      mustHonour(farm.connection(cloud), capability, input)
      return operations.start({ kind: capability, cloud, target: null, fromState: null, input: null }, run, from)
    }
  } satisfies Resources)
}, { name: 'resources', dependencies: ['clouds', 'operations'] })
