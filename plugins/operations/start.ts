import type { FastifyBaseLogger } from 'fastify'
import type { Change, ResourceRef } from '../../drivers/driver.ts'
import type { ProblemError } from '../../openapi/model/index.ts'
import type { CloudCall, CloudHandle } from '../clouds/cloud.ts'
import { toResource, toTarget } from './resources.ts'
import type { OperationRow, Rows } from './rows.ts'
import type { Tracker } from './tracker.ts'
import type { Transitions } from './transitions.ts'

/** A change to start. */
export interface ChangeRequest {
  /** The capability that runs, `nodes.stop`. */
  kind: string
  target: ResourceRef | null
  /** The state of the target before the change. */
  fromState: string | null
  /** The body of a create; null for other changes. */
  input: object | null
  idempotencyKey?: string
}

export interface StartedOperation {
  row: OperationRow
  /** Shown once, in the first answer. */
  secrets?: Record<string, string>
}

export interface StarterOptions {
  rows: Rows
  tracker: Tracker
  transitions: Transitions
  log: FastifyBaseLogger
}

/** Starts operations: writes the operation, then sends the change to the cloud once. */
export function createStarter ({ rows, tracker, transitions, log }: StarterOptions) {
  /** Sends the change. Throws the cloud's refusal, which ends the operation. */
  const send = async (row: OperationRow, run: CloudCall<Change>, cloud: CloudHandle) => {
    try {
      const change = await cloud.with({ operation: row.id }).call(run)
      await transitions.accept(row, change)
      return change.secrets
    } catch (error) {
      const problem = error as ProblemError
      if (!problem.outcomeUnknown) {
        await transitions.end(row, 'failed', problem)
        throw problem
      }
      log.warn({ err: problem, operation: row.id }, 'the answer of the cloud was lost')
      await transitions.reconcile(row)
      return undefined
    }
  }

  const createRow = (cloud: string, { kind, target, fromState, input }: ChangeRequest) => rows.create({
    kind, cloud, target: target === null ? null : toTarget(cloud, target), input, from_state: fromState
  })

  return {
    send,

    /** Finds an operation of this kind that is under way on the resource. */
    running: (kind: string, cloud: string, target: ResourceRef) => tracker.find(kind, toTarget(cloud, target).self),

    /** Starts an operation. Resolves when the cloud has accepted the change, or when its answer is lost. */
    async start (request: ChangeRequest, run: CloudCall<Change>, cloud: CloudHandle): Promise<StartedOperation> {
      const row = createRow(cloud.name, request)
      tracker.set(row)
      try {
        await rows.insert(row, request.idempotencyKey)
      } catch (error) {
        tracker.remove(row.id)
        throw error
      }
      return { row, secrets: await send(row, run, cloud) }
    },

    /** Records an operation that has nothing to do, because the resource is in the end state already. */
    async succeed (request: ChangeRequest & { target: ResourceRef }, cloud: CloudHandle): Promise<StartedOperation> {
      const row = createRow(cloud.name, request)
      row.resources = [toResource(cloud.name, request.target, request.fromState)]
      await rows.insert(row)
      await transitions.end(row, 'succeeded')
      return { row }
    }
  }
}

export type Starter = ReturnType<typeof createStarter>
