import type { FastifyBaseLogger } from 'fastify'
import type { Change, ResourceRef } from '../../drivers/driver.ts'
import { ProblemError, toProblem } from '../../openapi/model/index.ts'
import { toCallerRef } from '../auth/caller.ts'
import type { CloudCall, CloudHandle } from '../clouds/handle.ts'
import { canonicalize, hashText } from '../fingerprint.ts'
import type { Membership } from '../membership/index.ts'
import type { FirstAnswer } from './first-answer.ts'
import { serviceOf, toResource, toTarget } from './resources.ts'
import { StoreConflict } from '../store/errors.ts'
import { exclusiveKey, type OperationRow, type Rows } from './rows.ts'
import type { Tracker } from './tracker.ts'
import type { Transitions } from './transitions.ts'

/** A change to start. */
export interface ChangeRequest {
  /** The capability that runs, `nodes.stop`. */
  kind: string
  target: ResourceRef | null
  /** The state of the target before the change. */
  fromState: string | null
  /** The body of the request. */
  input: object
  /** The first answer to the request, if it has an Idempotency-Key. */
  first?: FirstAnswer | undefined
  /** Whether an equal request joins this change while it is under way. */
  exclusive?: boolean
  /** The id of the operation, if it was chosen before; otherwise a new one. */
  operationId?: string
}

export interface StartedOperation {
  row: OperationRow
  /** Whether the row is as the store has it after the last step of the request. Otherwise it may have changed since. */
  isLatest?: boolean
  /** Shown once, in the first answer. */
  secrets?: Record<string, string>
}

export interface StarterOptions {
  rows: Rows
  membership: Pick<Membership, 'assertActive'>
  tracker: Tracker
  transitions: Transitions
  log: FastifyBaseLogger
  onEnd: (row: OperationRow) => void
}

/** How often an operation is inserted that meets an equal one which has ended by then. */
const maxInserts = 3

/** Milliseconds after which a commit whose answer was lost is either seen in the store or was not made. */
const maxUnsent = 600_000

const hashOf = (input: object) => hashText(canonicalize(input))

/** Starts operations: writes the operation, then sends the change to the cloud once. */
export function createStarter (options: StarterOptions) {
  const { rows, membership, tracker, transitions, log, onEnd } = options
  /** Rows that are being inserted. Equal requests join an operation only after it is in the store. */
  const inserting = new Map<string, Promise<void>>()
  /**
   * Operations of which it is unknown whether they are in the store, with the time of the monotonic clock. Their
   * changes were not sent.
   */
  const unsent = new Map<string, number>()

  const noteUnsent = (id: string) => {
    const now = performance.now()
    for (const [other, since] of unsent) { if (now - since > maxUnsent) unsent.delete(other) }
    unsent.set(id, now)
  }

  const insert = async (row: OperationRow, first?: FirstAnswer) => {
    tracker.set(row)
    const inserted = rows.insert(row, first?.claim(row.id))
    inserting.set(row.id, inserted)
    try {
      await inserted
    } catch (error) {
      tracker.remove(row.id)
      if (!(error instanceof StoreConflict)) noteUnsent(row.id)
      throw error
    } finally {
      inserting.delete(row.id)
    }
  }

  /** Whether an operation of this server is in the store. It is not if another server had an equal one first. */
  const isInserted = async (id: string) => {
    try {
      await inserting.get(id)
      return true
    } catch (error) {
      if (error instanceof StoreConflict) return false
      throw error
    }
  }

  /** Returns an operation under way for an equal request. Throws operation_in_progress if its input is another. */
  const toJoined = (row: OperationRow, kind: string, input: object) => {
    if (row.input_hash === undefined || row.input_hash === hashOf(input)) return row
    throw new ProblemError(
      'operation_in_progress',
      `The operation ${row.id} runs ${kind} with another input`,
      {
        operation: `/api/v2/operations/${row.id}`,
        retry_after: 1
      }
    )
  }

  /**
   * Inserts the operation of a request. Returns the row; or the operation under way that the request joins, which
   * another server may have started at the same moment.
   */
  const insertOrJoin = async (cloud: CloudHandle, request: ChangeRequest) => {
    for (let attempt = 1; ; attempt++) {
      const row = createRow(cloud, request)
      try {
        await insert(row, request.first)
        return { row, isJoined: false }
      } catch (error) {
        const isEqual = error instanceof StoreConflict && request.exclusive === true
        if (!isEqual || attempt === maxInserts) throw error
        const other = await rows.findExclusive(exclusiveKey(row.kind, row.target!.self))
        // It may have ended meanwhile.
        if (other === undefined) continue
        return { row: toJoined(other, request.kind, request.input), isJoined: true }
      }
    }
  }

  /** Sends the change. Throws the cloud's refusal, which ends the operation. */
  const send = async (
    row: OperationRow,
    run: CloudCall<Change>,
    cloud: CloudHandle,
    first?: FirstAnswer
  ): Promise<StartedOperation> => {
    const started = (
      written: OperationRow | undefined,
      secrets?: Change['secrets']
    ): StartedOperation => ({ row: written ?? row, isLatest: written !== undefined, secrets })
    try {
      const change = await cloud.with({ operation: row.id }).change(serviceOf(row), run)
      return started(await transitions.accept(row, change, first), change.secrets)
    } catch (error) {
      const problem = error as ProblemError
      if (!problem.outcomeUnknown) {
        await transitions.end(row.id, 'failed', problem, {}, () => first?.refuse(problem) ?? [])
        throw problem
      }
      log.warn(
        { err: problem, operation: row.id },
        'it is not known whether the cloud has made the change'
      )
      return started(await transitions.reconcile(row, problem, first))
    }
  }

  /** Sends a create again whose outcome is unknown. If the cloud cannot take it now, this is tried again later. */
  const sendAgain = async (row: OperationRow, run: CloudCall<Change>, cloud: CloudHandle) => {
    try {
      await transitions.accept(
        row,
        await cloud.with({ operation: row.id }).change(serviceOf(row), run)
      )
    } catch (error) {
      const problem = error as ProblemError
      if (problem.outcomeUnknown || toProblem(problem).retryable) {
        return transitions.reconcile(row, problem)
      }
      await transitions.end(row.id, 'failed', problem)
    }
  }

  const createRow = (
    { name, caller }: CloudHandle,
    { kind, target, fromState, input, exclusive = false, operationId }: ChangeRequest
  ) =>
    rows.create({
      id: operationId,
      kind,
      cloud: name,
      started_by: caller === undefined ? null : toCallerRef(caller),
      target: target === null ? null : toTarget(name, target),
      input: kind.endsWith('.create') ? input : null,
      input_hash: hashOf(input),
      exclusive,
      from_state: fromState
    })

  return {
    sendAgain,

    /**
     * Finds the same operation under way. Throws operation_in_progress if the one under way has another input, such as
     * another volume to attach.
     */
    async join (
      kind: string,
      cloud: string,
      target: ResourceRef,
      input: object
    ): Promise<OperationRow | undefined> {
      const { self } = toTarget(cloud, target)
      const own = tracker.find(kind, self)
      if (own !== undefined && await isInserted(own.id)) return toJoined(own, kind, input)
      const other = await rows.findOfOthers(exclusiveKey(kind, self))
      return other === undefined ? undefined : toJoined(other, kind, input)
    },

    /** Whether the change of an operation was not sent, because the store may not have accepted the operation. */
    isUnsent: (id: string) => unsent.has(id),

    /** Starts an operation. Resolves when the cloud has accepted the change, or when its outcome is unknown. */
    async start (
      request: ChangeRequest,
      run: CloudCall<Change>,
      cloud: CloudHandle
    ): Promise<StartedOperation> {
      membership.assertActive()
      const { row, isJoined } = await insertOrJoin(cloud, request)
      return isJoined ? { row } : send(row, run, cloud, request.first)
    },

    /** Records an operation that has nothing to do, because the resource is in the end state already. */
    async succeed (
      request: ChangeRequest & { target: ResourceRef },
      cloud: CloudHandle
    ): Promise<StartedOperation> {
      const row = createRow(cloud, request)
      const finished: OperationRow = {
        ...row,
        status: 'succeeded',
        phase: null,
        progress: 100,
        finished_at: row.created_at,
        resources: [toResource(cloud.name, request.target, request.fromState)]
      }
      await rows.insert(finished)
      onEnd(finished)
      log.info(
        { operation: row.id, kind: row.kind, cloud: row.cloud, status: 'succeeded' },
        'operation ended'
      )
      return { row: finished, isLatest: true }
    }
  }
}

export type Starter = ReturnType<typeof createStarter>
