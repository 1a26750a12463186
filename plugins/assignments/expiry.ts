import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { v7 as uuid } from '#uuid'
import type { Settings } from '../../config/index.ts'
import {
  nodeActionDetails,
  ProblemError,
  toProblem,
  type ExpiryAction,
  type Operation,
  type Problem
} from '../../openapi/model/index.ts'
import { localCaller, type AcceptedClaims, type Caller } from '../auth/caller.ts'
import { asProblemError } from '../errors.ts'
import type { JobHandler } from '../jobs/runner.ts'
import type { AssignmentRow } from './registry.ts'

/** The longest pause between two attempts, in milliseconds. */
const maxPause = 3_600_000

const dayMs = 24 * 3_600_000

/** Seconds of one wait for the end of an operation. */
const waitSeconds = 60

/** Milliseconds between two looks at an operation that no server follows, as its cloud is disabled. */
const lookAgainMs = 10_000

/** Expiries that one server handles at once. Most of them wait for the end of an operation. */
const atOnce = 1000

/** Seconds between two looks for expired assignments without a job. */
const lookSeconds = 30

/** The name of the job of each assignment that expires. */
const jobName = 'assignment-expiry'

type NodeExpiry = Exclude<ExpiryAction, 'release'>

/** When the expiry of an assignment is due, in milliseconds since 1970; Infinity without an expiry. */
const dueAt = ({ next_attempt_at: next, expires_at: expiry }: AssignmentRow) =>
  next === null && expiry === null ? Infinity : Date.parse((next ?? expiry)!)

/**
 * Ends assignments on time, also those that expired while the server was stopped. Stopping and destroying a node is an
 * ordinary operation of the caller who assigned it, with the grants that this caller has then. The id of the operation
 * is recorded with the assignment before the cloud is called: after a crash, the operation of this id is followed if it
 * exists. If it does not, nothing was sent, and it is started. So a node is stopped or destroyed once. Each assignment
 * that expires has a job, so that one server ends it.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { actions, assignments, auth, farm, jobs, log, operations, store } = fastify
  const { registry, forget } = assignments
  const { claims_days: claimsDays, retry_seconds: retrySeconds } = settings.assignments
  const served = new Set(farm.clouds.map(({ name }) => name))
  const usable = (claims: AcceptedClaims | null) =>
    claims !== null && Date.now() - claims.acceptedAt <= claimsDays * dayMs ? claims : undefined

  /** Returns the caller who assigned a node, if it may do the action now. */
  const findCaller = async (
    { cloud, assigned_by: ref, claims }: AssignmentRow,
    action: NodeExpiry
  ) => {
    const caller = await auth.findPresent(ref, usable(claims))
    return caller?.may(nodeActionDetails[action].level, cloud) === true ? caller : undefined
  }

  const release = async (row: AssignmentRow, reason: string) => {
    await registry.remove(row.id)
    log.info(
      { assignment: row.id, cloud: row.cloud, node: row.node },
      `the assignment has ended: ${reason}`
    )
  }

  /** Records a failure. The assignment stays, and its expiry is tried again. */
  const fail = async (row: AssignmentRow, problem: Problem, operation: string | null) => {
    const { id, attempts } = row
    log.warn(
      { assignment: id, operation, code: problem.code },
      'the expiry of an assignment failed; it is tried again'
    )
    const pause = Math.min(maxPause, retrySeconds * 1000 * 2 ** Math.min(attempts, 20))
    await registry.change(id, {
      attempts: attempts + 1,
      problem,
      operation_id: operation,
      next_attempt_at: new Date(Date.now() + pause).toISOString()
    }, row)
  }

  const find = async (operation: string): Promise<Operation | undefined> => {
    try {
      return await operations.get(operation, localCaller)
    } catch (error) {
      if ((error as ProblemError).code === 'resource_not_found') return undefined
      throw error
    }
  }

  /** Waits for the end of an operation. Returns undefined if it does not exist, or if the server stops. */
  const waitForEnd = async (id: string, signal: AbortSignal): Promise<Operation | undefined> => {
    while (!signal.aborted) {
      const operation = await find(id)
      if (operation === undefined || operation.finished_at !== null) return operation
      const started = performance.now()
      await operations.wait(id, waitSeconds, signal)
      const isFollowed = performance.now() - started > 1000 ||
        (await find(id))?.finished_at !== null
      if (!isFollowed) {
        await sleep(lookAgainMs, undefined, { signal, ref: false }).catch(() => {})
      }
    }
    return undefined
  }

  const conclude = async (
    row: AssignmentRow,
    { id, status, error }: Operation,
    action: NodeExpiry
  ) => {
    if (status === 'succeeded') return release(row, `${action} of the expired node succeeded`)
    if (error?.code === 'resource_not_found') return forget(row.cloud, row.node)
    const unknown = new ProblemError(
      'outcome_unknown',
      `The operation ${id} has ended as ${status}`
    )
    await fail(row, error ?? toProblem(unknown), id)
  }

  /** Starts the operation of an expiry. Returns its id. */
  const start = async (
    row: AssignmentRow,
    action: NodeExpiry,
    caller: Caller,
    operationId: string
  ) => {
    const context = { requestId: `assignment-${row.id}`, log: log.child({ assignment: row.id }) }
    const { row: operation } = await actions.run(farm.seenBy(caller).handle(row.cloud, context), {
      kind: 'node',
      id: row.node,
      method: action,
      input: {},
      operationId,
      check () {
        if (registry.get(row.id) !== undefined) return
        throw new ProblemError('precondition_failed', 'The assignment has ended before its expiry')
      }
    })
    // The same action of another caller was under way.
    if (operation.id !== operationId) await registry.change(row.id, { operation_id: operation.id })
    return operation.id
  }

  const attempt = async (row: AssignmentRow, action: NodeExpiry, signal: AbortSignal) => {
    const earlier = row.problem === null && row.operation_id !== null
      ? await waitForEnd(row.operation_id, signal)
      : undefined
    if (signal.aborted) return
    if (earlier !== undefined) return conclude(row, earlier, action)
    const caller = await findCaller(row, action)
    if (caller === undefined) {
      return release(
        row,
        `the node stays as it is, because ${row.assigned_by.kind} ${row.assigned_by.id}, who ` +
          `assigned it, has no permission to ${action} it now`
      )
    }
    const operationId = row.problem === null ? row.operation_id ?? uuid() : uuid()
    const change = { operation_id: operationId, problem: null }
    const recorded = await registry.change(row.id, change, row)
    if (recorded === undefined) return
    const started = await start(recorded, action, caller, operationId)
    const ended = await waitForEnd(started, signal)
    if (ended !== undefined) await conclude({ ...recorded, operation_id: started }, ended, action)
  }

  const expire = async (row: AssignmentRow, signal: AbortSignal) => {
    const { on_expiry: action } = row
    try {
      if (action === 'release') return await release(row, 'it has expired')
      await attempt(row, action, signal)
    } catch (error) {
      // A server that stops ends its calls. Another server, or the next start, continues.
      if (signal.aborted || fastify.closing) return
      const present = registry.get(row.id)
      if (present === undefined) return
      const problem = asProblemError(error as Error)
      if (problem.code === 'resource_not_found') return await forget(row.cloud, row.node)
      if (problem.code === 'internal_error') {
        log.error({ err: problem, assignment: row.id }, 'an expiry failed')
      }
      const operation = present.operation_id === null ? undefined : await find(present.operation_id)
      await fail(present, toProblem(problem), operation?.id ?? null)
    }
  }

  /** When an assignment is handled again; undefined if it does not expire, or if its cloud is not served. */
  const nextAt = (row: AssignmentRow | undefined) => {
    const due = row === undefined || !served.has(row.cloud) ? Infinity : dueAt(row)
    return due === Infinity ? undefined : due
  }

  const handle: JobHandler = async ({ key: id, signal }) => {
    const row = await registry.refresh(id)
    const at = nextAt(row)
    if (row === undefined || at === undefined || at > Date.now()) return at
    await expire(row, signal)
    return nextAt(registry.get(id))
  }

  const plan = async (id: string) => {
    const row = registry.get(id)
    if (row === undefined) return jobs.cancel(jobName, id)
    const at = nextAt(row)
    if (at !== undefined) await jobs.schedule(jobName, id, at)
  }

  const planOrLog = (id: string) => {
    plan(id).catch((err: unknown) => {
      log.error({ err, assignment: id }, 'the expiry of an assignment could not be planned yet')
    })
  }

  /** Plans what is due and was not planned, because the store failed, or because its cloud was not served. */
  const planOverdue = async () => {
    const now = Date.now()
    for (const row of registry.all()) {
      const at = nextAt(row)
      if (at === undefined || at > now) continue
      await jobs.schedule(jobName, row.id, at, undefined, { keep: true })
    }
  }

  jobs.work(jobName, handle, { atOnce })
  jobs.every(`${jobName}-look`, lookSeconds, planOverdue)
  registry.onChange((_cloud, id) => planOrLog(id))
  fastify.addHook('onReady', async () => {
    // On PostgreSQL the jobs outlive the server.
    if (store.kind === 'sqlite') for (const { id } of registry.all()) await plan(id)
  })
}, { name: 'expiry', dependencies: ['assignments', 'jobs', 'nodes', 'shutdown'] })
