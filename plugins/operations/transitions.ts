import type { FastifyBaseLogger } from 'fastify'
import type { Change } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type OperationStatus } from '../../openapi/model/index.ts'
import type { Farm } from '../clouds/farm.ts'
import { StoreConflict, writeUntilDone } from '../store/index.ts'
import type { StoreChange } from '../store/tables.ts'
import type { FirstAnswer } from './first-answer.ts'
import type { Poller } from './poller.ts'
import { serviceOf, toResource } from './resources.ts'
import type { OperationRow, Rows } from './rows.ts'
import type { Tracker } from './tracker.ts'

export interface TransitionsOptions {
  rows: Rows
  tracker: Tracker
  farm: Farm
  poller: Pick<Poller, 'watch' | 'forget' | 'stopped'>
  log: FastifyBaseLogger
  onEnd: (row: OperationRow) => void
}

const notCancelled = 'an operation of another server could not be cancelled'

/**
 * The steps in the life of an operation. Memory follows the store: a step is written first, then shown. If the store
 * fails, the step is retried in the background until it is written; a restart finds the step before it in the store.
 */
export function createTransitions (
  { rows, tracker, farm, poller, log, onEnd }: TransitionsOptions
) {
  /** Lets no read that is older than this step be shown after it. */
  const touch = (row: OperationRow) => farm.get(row.cloud).freshness.touch(serviceOf(row))

  /**
   * Gives up an operation for which another server acts, or which another has ended. Returns true if the step itself is
   * in the store, because only the answer to its commit was lost.
   */
  const isWritten = async ({ id, epoch, finished_at: end }: OperationRow) => {
    const stored = await rows.get(id)
    if (end !== null && stored?.finished_at === end && stored.epoch === epoch) return true
    poller.forget(id)
    tracker.remove(id)
    log.warn({ operation: id }, 'another server has taken the operation over')
    return false
  }

  /**
   * Writes changes of an operation, then shows them. Returns the row that is in the store then; undefined if the store
   * failed, or if another server acts for the operation. Never throws. `withStep` returns other changes for the same
   * commit.
   */
  const record = async (
    id: string,
    changes: Partial<OperationRow>,
    onWritten: (row: OperationRow) => void,
    withStep: (row: OperationRow) => readonly StoreChange[] = () => []
  ) => {
    const attempt = async () => {
      const row = tracker.get(id)
      if (row === undefined) return undefined
      const next = { ...row, ...changes }
      try {
        await rows.update(next, row, withStep(next))
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
        if (!await isWritten(next)) return undefined
      }
      tracker.set(next)
      onWritten(next)
      return next
    }
    try {
      return await attempt()
    } catch (err) {
      log.error(
        { err, operation: id },
        'the store did not accept a step of an operation; this is tried again'
      )
      writeUntilDone(attempt, poller.stopped)
      return undefined
    }
  }

  const end = async (
    id: string,
    status: OperationStatus,
    error: ProblemError | null = null,
    changes: Partial<OperationRow> = {},
    withStep?: (row: OperationRow) => readonly StoreChange[]
  ) => {
    const row = tracker.get(id)
    if (row === undefined) return undefined
    // From now on an equal request is a new operation, also while the store cannot record the end.
    tracker.hide(id)
    poller.forget(id)
    touch(row)
    return record(id, {
      ...changes,
      status,
      phase: null,
      finished_at: new Date().toISOString(),
      error: error === null ? null : toProblem(error),
      progress: status === 'succeeded' ? 100 : row.progress,
      input: null,
      failure: undefined
    }, (ended) => {
      const { kind, cloud } = ended
      tracker.remove(id)
      onEnd(ended)
      log.info({ operation: id, kind, cloud, status, code: error?.code }, 'operation ended')
    }, withStep)
  }

  /** Cancels the other operations on resources that an operation destroys. */
  const cancelOthers = async (id: string, { resources }: Pick<OperationRow, 'resources'>) => {
    const destroyed = new Set(resources.map(({ self }) => self))
    const isDestroyed = ({ target, resources }: OperationRow) =>
      [target, ...resources].some((resource) => resource !== null && destroyed.has(resource.self))
    const others = tracker.values().filter((row) =>
      row.id !== id && row.phase !== 'calling' && isDestroyed(row)
    )
    const destroyedFirst = () =>
      new ProblemError(
        'resource_not_found',
        'The resource was destroyed before the operation ended'
      )
    for (const other of others) await end(other.id, 'cancelled', destroyedFirst())
    const ofOthers = await rows.ofOthers([...destroyed]).catch((err: unknown) => {
      log.warn({ err, operation: id }, notCancelled)
      return []
    })
    for (const { row, owner } of ofOthers) {
      if (row.phase === 'calling') continue
      const cancelled: OperationRow = {
        ...row,
        status: 'cancelled',
        phase: null,
        finished_at: new Date().toISOString(),
        error: toProblem(destroyedFirst()),
        input: null
      }
      await rows.update(cancelled, row, [], owner).catch((err: unknown) => {
        // It has ended meanwhile, or its own server finds the resource destroyed.
        if (!(err instanceof StoreConflict)) log.warn({ err, operation: row.id }, notCancelled)
      })
    }
  }

  return {
    end,

    /** Shows what a look at the resources of an operation found. The step is the same, so nothing is written. */
    show (row: OperationRow, resources: OperationRow['resources'], progress: number | null) {
      const current = tracker.get(row.id)
      if (current === undefined) return
      const hasChanged = resources.some(({ state }, i) => state !== current.resources[i]?.state)
      if (hasChanged) touch(row)
      tracker.set({ ...current, resources, progress })
    },

    /**
     * Records that the cloud has accepted a change. Without anything to wait for, this ends the operation. Returns the
     * row that is in the store then, with its first answer; undefined if the store failed.
     */
    async accept (row: OperationRow, { resources: refs, until }: Change, first?: FirstAnswer) {
      const { id, cloud } = row
      touch(row)
      const resources = refs.map((ref) => toResource(cloud, ref))
      if (until.gone === true) await cancelOthers(id, { resources })
      const changes = { resources, until, input: null, sent_at: new Date().toISOString() }
      if (until.states.length === 0 && until.gone !== true) {
        return end(id, 'succeeded', null, changes, first?.keep)
      }
      return record(
        id,
        { ...changes, status: 'running', phase: 'waiting' },
        () => poller.watch(id, cloud),
        first?.keep
      )
    },

    /**
     * Records that the outcome of a change is unknown, or that a create was not sent and is still to be sent. Returns
     * the same as `accept`.
     */
    async reconcile ({ id, cloud }: OperationRow, problem: ProblemError, first?: FirstAnswer) {
      return record(
        id,
        { phase: 'reconciling', failure: toProblem(problem) },
        () => poller.watch(id, cloud),
        first?.keep
      )
    },

    /**
     * Records that a create is sent again. Returns undefined if another server acts for the operation, and throws if
     * the store fails: then it must not be sent.
     */
    async retry (row: OperationRow): Promise<OperationRow | undefined> {
      const next: OperationRow = {
        ...row,
        phase: 'calling',
        attempts: row.attempts + 1,
        sent_at: new Date().toISOString()
      }
      try {
        await rows.update(next, row)
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
        await isWritten(next)
        return undefined
      }
      poller.forget(row.id)
      tracker.set(next)
      return next
    }
  }
}

export type Transitions = ReturnType<typeof createTransitions>
