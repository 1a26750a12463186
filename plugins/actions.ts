import fp from 'fastify-plugin'
import type { Call } from '../drivers/call.ts'
import {
  methodOf,
  type Change,
  type Connection,
  type ResourceRef,
  type ServiceName,
  type SlowService
} from '../drivers/driver.ts'
import {
  nodeActionDetails,
  ProblemError,
  type NodeAction,
  type NodeState,
  type ResourceKind
} from '../openapi/model/index.ts'
import type { CloudCall, CloudHandle } from './clouds/handle.ts'
import type { FirstAnswer } from './operations/first-answer.ts'
import { serviceOf, serviceOfKind } from './operations/resources.ts'
import type { StartedOperation } from './operations/start.ts'

declare module 'fastify' {
  interface FastifyInstance {
    actions: Actions
  }
}

/** The fields of a resource that decide whether an action may run. Only nodes have all of them. */
export interface ActionTarget {
  id: string
  name: string | null
  state: string
  allowed_actions?: readonly string[]
  protected?: boolean | null
}

/** An action on one resource. */
export interface ActionRequest {
  kind: ResourceKind
  id: string
  /** The method of the service: `attach`. */
  method: string
  input: object
  /** Checks the resource before the action. Throws a ProblemError. */
  check?(target: ActionTarget): void
  /** The id of the operation, if it was chosen before. A joined operation has its own. */
  operationId?: string
}

/** The changes to the resources of every cloud. All methods throw ProblemError. */
export interface Actions {
  /** Runs a change that the cloud completes before it answers. If the answer is lost, throws outcome_unknown. */
  callDirect<T>(
    cloud: CloudHandle,
    capability: string,
    input: object,
    run: CloudCall<T>
  ): Promise<T>
  /** Starts the creation of a resource. */
  create(
    cloud: CloudHandle,
    service: ServiceName,
    input: object,
    first?: FirstAnswer
  ): Promise<StartedOperation>
  /**
   * Starts an action on a resource. Joins the same action if it is under way, and does nothing if the resource is in
   * the end state already. Throws invalid_state or protected if the resource does not allow it.
   */
  run(cloud: CloudHandle, request: ActionRequest): Promise<StartedOperation>
  /** Starts a change that is neither joined nor repeated, such as a change to a part of a resource. */
  start(
    cloud: CloudHandle,
    capability: string,
    input: object,
    run: CloudCall<Change>,
    options?: { target?: ResourceRef | null, first?: FirstAnswer | undefined }
  ): Promise<StartedOperation>
  /** Starts an upload, which has no time limit. Its progress is that of the bytes read, if the size is known. */
  upload(
    cloud: CloudHandle,
    capability: string,
    input: object,
    file: UploadedFile,
    run: UploadCall
  ): Promise<StartedOperation>
}

export interface UploadedFile {
  body: AsyncIterable<Uint8Array>
  /** Bytes in all; NaN if unknown. */
  size: number
}

export type UploadCall = (
  connection: Connection,
  call: Call,
  file: AsyncIterable<Uint8Array>
) => Promise<Change>

type Method = (
  id: string,
  ...rest: [input: object, call: Call] | [call: Call, options?: object]
) => Promise<Change>

/** Calls a method of a service. `destroy` has its options, if there are any, after the call. */
function callMethod (
  connection: Connection,
  service: ServiceName,
  method: string,
  id: string,
  input: object,
  call: Call
) {
  const run = methodOf<Method>(connection, service, method)
  if (method !== 'destroy') return run(id, input, call)
  return Object.keys(input).length === 0 ? run(id, call) : run(id, call, input)
}

/** The error for an action that the state of a resource does not allow. */
export function invalidState (target: ActionTarget, action: string, hint?: string) {
  const { state, allowed_actions: allowed = [], name, id } = target
  return new ProblemError(
    'invalid_state',
    `${name ?? id} is ${state}, which does not allow ${action}`,
    {
      state,
      allowed_actions: [...allowed],
      hint
    }
  )
}

/** Throws if the state or the protection of a resource forbids an action. */
function checkAllowed (target: ActionTarget, action: string, { protects }: Connection) {
  const isAllowed = target.allowed_actions?.includes(action)
  const isProtected = target.protected === true && (action === 'destroy' || protects !== 'destroy')
  // A protected node that allows the action belongs to an account that the protection does not bind.
  if (isProtected && isAllowed !== true) {
    throw new ProblemError('protected', `${target.name ?? target.id} is protected`)
  }
  if (isAllowed === false) throw invalidState(target, action)
}

const isSettled = (kind: ResourceKind, method: string, { state }: ActionTarget) =>
  kind === 'node' &&
  nodeActionDetails[method as NodeAction].settledStates.includes(state as NodeState)

/** Passes a file through and reports the number of bytes so far. */
async function * countBytes (file: AsyncIterable<Uint8Array>, report: (bytes: number) => void) {
  let bytes = 0
  for await (const chunk of file) {
    yield chunk
    bytes += chunk.length
    report(bytes)
  }
}

export default fp(async (fastify) => {
  const { operations } = fastify

  fastify.decorate(
    'actions',
    {
      async callDirect (cloud, capability, input, run) {
        cloud.require(capability, input)
        try {
          return await cloud.change(serviceOf({ kind: capability }), run)
        } catch (error) {
          const problem = error as ProblemError
          if (!problem.outcomeUnknown) throw problem
          throw problem.with({
            code: 'outcome_unknown',
            detail: `${problem.message}, so it is not known whether the change was made`,
            hint: 'Read the resource, or list the collection, before you try again.',
            outcomeUnknown: false
          })
        }
      },

      async create (cloud, service, input, first) {
        const kind = `${service}.create`
        cloud.require(kind, input)
        const { create } = cloud.connection[service] as SlowService<unknown, object, object>
        const request = { kind, target: null, fromState: null, input, first }
        return operations.start(request, (_, call) => create!(input, call), cloud)
      },

      async run (cloud, { kind: resourceKind, id, method, input, check, operationId }) {
        const service = serviceOfKind[resourceKind]
        const kind = `${service}.${method}`
        const target = { kind: resourceKind, id }
        cloud.require(kind, input)
        const joined = await operations.join(kind, cloud.name, target, input)
        if (joined !== undefined) return { row: joined }

        // A cloud that protects a node only from its end need not be asked for the protection before other actions.
        const brief = method !== 'destroy' || cloud.connection.protects !== 'destroy'
        const resource = await cloud.call(({ [service]: reads }, call): Promise<ActionTarget> =>
          reads!.get(id, { extra: false, brief }, call)
        )
        // Another request may have started the same action during the read.
        const meanwhile = await operations.join(kind, cloud.name, target, input)
        if (meanwhile !== undefined) return { row: meanwhile }
        check?.(resource)
        const fromState = resource.state
        const request = { kind, target, fromState, input, exclusive: true, operationId }
        if (isSettled(resourceKind, method, resource)) return operations.succeed(request, cloud)
        checkAllowed(resource, method, cloud.connection)
        return operations.start(
          request,
          (connection, call) => callMethod(connection, service, method, id, input, call),
          cloud
        )
      },

      async start (cloud, capability, input, run, { target = null, first } = {}) {
        cloud.require(capability, input)
        return operations.start(
          { kind: capability, target, fromState: null, input, first },
          run,
          cloud
        )
      },

      async upload (cloud, capability, input, { body, size }, run) {
        cloud.require(capability, input)
        const request = { kind: capability, target: null, fromState: null, input }
        return operations.start(request, (connection, call) => {
          const file = countBytes(body, (bytes) => operations.report(call.operation!, bytes / size))
          return run(connection, call, file)
        }, cloud.with({ timeout: Infinity }))
      }
    } satisfies Actions
  )
}, { name: 'actions', dependencies: ['clouds', 'operations'] })
