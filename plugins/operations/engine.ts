import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/handle.ts'
import type { Membership } from '../membership/index.ts'
import type { Farm } from '../clouds/farm.ts'
import { createFollower } from './follow.ts'
import type { Ownership } from './ownership.ts'
import { createPoller } from './poller.ts'
import { createReconciler } from './reconcile.ts'
import { storeUnavailable } from '../store/errors.ts'
import { isEnded, type OperationRow, type Rows } from './rows.ts'
import { createStarter } from './start.ts'
import type { Tracker } from './tracker.ts'
import { createTransitions } from './transitions.ts'
import { createWaits } from './waits.ts'

/** Operations whose step begins in one turn of the event loop. */
const maxTogether = 50

export interface EngineOptions {
  farm: Farm
  rows: Rows
  ownership: Pick<Ownership, 'claimOrphans'>
  membership: Pick<Membership, 'assertActive'>
  tracker: Tracker
  settings: Settings
  log: FastifyBaseLogger
  /** Gets each operation after its end is in the store. Must not throw. */
  onEnd: (row: OperationRow) => void
}

/**
 * Runs operations: `start` sends the change to the cloud, `follow` watches an accepted change until it ends,
 * `reconcile` finds out what came of a change whose answer was lost. `takeOver` continues the operations for which no
 * server acts.
 */
export function createEngine (options: EngineOptions) {
  const { farm, rows, ownership, membership, tracker, settings, log, onEnd } = options
  const { max_hours: maxHours, reconcile_seconds: reconcileSeconds, poll_ms: minInterval } =
    settings.operations
  const waits = createWaits({ endedOf: rows.endedOf, log })

  /** Takes the next step of the operations that are due at one cloud. */
  const step = async (name: string, ids: readonly string[]) => {
    const due = ids.flatMap((id) => tracker.get(id) ?? [])
    const cloudOf = ({ id }: OperationRow) =>
      farm.handle(name, {
        requestId: `operation-${id}`,
        log: log.child({ operation: id }),
        operation: id
      })
    const waiting = due.filter(({ phase }) => phase === 'waiting')
    const follow = waiting.length === 0
      ? undefined
      : follower.prepare(cloudOf(waiting[0]!), waiting)
    const steps: Promise<void>[] = []
    for (const [i, row] of due.entries()) {
      if (i > 0 && i % maxTogether === 0) await nextTurn()
      steps.push(stepOne(row, () => cloudOf(row), follow))
    }
    await Promise.all(steps)
  }

  type Follow = ReturnType<typeof follower.prepare>

  const stepOne = async (
    row: OperationRow,
    cloud: () => CloudHandle,
    follow: Follow | undefined
  ) => {
    try {
      await (row.phase === 'reconciling' ? reconcile(row, cloud()) : follow?.(row, cloud))
      await endIfOverdue(row.id, `The cloud did not end this within ${maxHours} hours`)
    } catch (err) {
      log.warn(
        { err, operation: row.id },
        'the operation could not be followed; this is tried again'
      )
      await endIfOverdue(row.id, `The cloud could not be asked for ${maxHours} hours`)
    }
  }

  const endIfOverdue = async (id: string, detail: string) => {
    if (tracker.get(id) === undefined || tracker.sinceCreated(id) <= maxHours * 3_600_000) return
    await transitions.end(id, 'failed', new ProblemError('outcome_unknown', detail))
  }

  const isGivenUp = ({ id, cloud }: OperationRow) =>
    tracker.sinceSent(id) > (farm.get(cloud).settings.timeout + reconcileSeconds) * 1000

  const isShared = (id: string) => tracker.get(id)?.phase === 'waiting'
  const poller = createPoller({ step, isShared, log, minInterval })
  const transitions = createTransitions({ rows, tracker, farm, poller, log, onEnd })
  const follower = createFollower({ tracker, transitions, log })
  const starter = createStarter({ rows, membership, tracker, transitions, log, onEnd })
  const reconcile = createReconciler({ starter, transitions, log, isGivenUp })

  return {
    start: starter.start,
    succeed: starter.succeed,
    join: starter.join,

    /** Reports how much of an operation's work is done, from 0 to 1. Ignores NaN. */
    report (id: string, done: number) {
      const row = tracker.get(id)
      if (row !== undefined && done <= 1) tracker.set({ ...row, progress: Math.floor(done * 100) })
    },

    /** The operations that have not ended. */
    underWay: () => tracker.values(),

    get: async (id: string) => tracker.get(id) ?? rows.get(id),

    /** Waits until an operation ends, for at most `ms` milliseconds, or until the caller or the server stops. */
    async wait (id: string, ms: number, caller?: AbortSignal) {
      if (poller.stopped()) return
      if (tracker.get(id) !== undefined) return tracker.wait(id, ms, caller)
      const row = await rows.get(id)
      if (row !== undefined && !isEnded(row)) await waits.wait(id, ms, caller)
    },

    /** Forgets an operation that another server has ended, and wakes those who wait for it. */
    wake (id: string) {
      waits.wake(id)
      if (tracker.get(id) === undefined) return
      poller.forget(id)
      tracker.remove(id)
    },

    /** Continues every operation for which no living server acts. */
    async takeOver () {
      for (const row of await ownership.claimOrphans()) {
        // The server stopped during the call, so it is unknown whether the call reached the cloud.
        tracker.set(row.phase === 'calling' ? { ...row, phase: 'reconciling' } : row)
        if (!starter.isUnsent(row.id)) {
          poller.watch(row.id, row.cloud)
          continue
        }
        const problem = storeUnavailable('The store failed before the change was sent to the cloud')
        await transitions.end(row.id, 'failed', problem, {}, () => [rows.freeKey(row.id)])
      }
    },

    /** Ends all waits and stops following. */
    stop () {
      const stopped = poller.stop()
      tracker.wakeAll()
      waits.stop()
      return stopped
    }
  }
}

export type Engine = ReturnType<typeof createEngine>
