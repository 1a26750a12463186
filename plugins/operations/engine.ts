import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/cloud.ts'
import type { Farm } from '../clouds/farm.ts'
import { createFollower } from './follow.ts'
import { createPoller } from './poller.ts'
import { createReconciler } from './reconcile.ts'
import type { OperationRow, Rows } from './rows.ts'
import { createStarter } from './start.ts'
import { createTracker } from './tracker.ts'
import { createTransitions } from './transitions.ts'

/** Operations whose step begins in one turn of the event loop. */
const maxTogether = 50

export interface EngineOptions {
  farm: Farm
  rows: Rows
  settings: Settings
  log: FastifyBaseLogger
  /** Gets each operation after its end is in the store. Must not throw. */
  onEnd: (row: OperationRow) => void
}

/**
 * Runs operations: `start` sends the change to the cloud, `follow` watches an accepted change until it ends,
 * `reconcile` finds out what came of a change whose answer was lost. `resume` continues the operations that had not
 * ended when the server stopped.
 */
export function createEngine ({ farm, rows, settings, log, onEnd }: EngineOptions) {
  const { max_hours: maxHours, reconcile_seconds: reconcileSeconds, poll_ms: minInterval } =
    settings.operations
  const tracker = createTracker()

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
  const starter = createStarter({ rows, tracker, transitions, log, onEnd })
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
      if (!poller.stopped()) await tracker.wait(id, ms, caller)
    },

    /** Continues every operation that had not ended when the server stopped. */
    async resume () {
      for (const row of await rows.unended()) {
        if (farm.clouds.find(({ name }) => name === row.cloud)?.connection === undefined) {
          log.warn(
            { operation: row.id, cloud: row.cloud },
            'the operation waits: its cloud is not served'
          )
          continue
        }
        // The server stopped during the call, so it is unknown whether the call reached the cloud.
        tracker.set(row.phase === 'calling' ? { ...row, phase: 'reconciling' } : row)
        poller.watch(row.id, row.cloud)
      }
    },

    /** Ends all waits and stops following. */
    stop () {
      const stopped = poller.stop()
      tracker.wakeAll()
      return stopped
    }
  }
}

export type Engine = ReturnType<typeof createEngine>
