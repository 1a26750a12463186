import type { FastifyBaseLogger } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudHandle } from '../clouds/cloud.ts'
import type { Farm } from '../clouds/farm.ts'
import { createFollower } from './follow.ts'
import { createPoller } from './poller.ts'
import { createReconciler } from './reconcile.ts'
import { isEnded, type OperationRow, type Rows } from './rows.ts'
import { createStarter } from './start.ts'
import { createTracker } from './tracker.ts'
import { createTransitions } from './transitions.ts'

export interface EngineOptions {
  farm: Farm
  rows: Rows
  settings: Settings
  log: FastifyBaseLogger
}

/**
 * Runs operations: `start` sends the change to the cloud, `follow` watches an accepted change until it ends,
 * `reconcile` finds out what came of a change whose answer was lost. `resume` continues the operations that had not
 * ended when the server stopped.
 */
export function createEngine ({ farm, rows, settings, log }: EngineOptions) {
  const { max_hours: maxHours, reconcile_seconds: reconcileSeconds, poll_ms: minInterval } = settings.operations
  const tracker = createTracker()

  /** Takes the next step of the operations that are due at one cloud. */
  const step = async (name: string, ids: readonly string[]) => {
    const due = ids.flatMap((id) => tracker.get(id) ?? [])
    const cloudOf = ({ id }: OperationRow) =>
      farm.handle(name, { requestId: `operation-${id}`, log: log.child({ operation: id }), operation: id })
    const waiting = due.filter(({ phase }) => phase === 'waiting')
    const follow = waiting.length === 0 ? undefined : await follower.prepare(cloudOf(waiting[0]!), waiting)
    await Promise.all(due.map((row) => stepOne(row, cloudOf(row), follow)))
  }

  type Follow = Awaited<ReturnType<typeof follower.prepare>>

  const stepOne = async (row: OperationRow, cloud: CloudHandle, follow: Follow | undefined) => {
    try {
      await (row.phase === 'reconciling' ? reconcile(row, cloud) : follow?.(row, cloud))
      if (row.phase === 'waiting') await endIfOverdue(row, `The cloud did not end this within ${maxHours} hours`)
    } catch (err) {
      log.warn({ err, operation: row.id }, 'the operation could not be followed; this is tried again')
      await endIfOverdue(row, `The cloud could not be asked for ${maxHours} hours`)
    }
  }

  const endIfOverdue = async (row: OperationRow, detail: string) => {
    if (isEnded(row) || Date.now() - Date.parse(row.created_at) <= maxHours * 3_600_000) return
    await transitions.end(row, 'failed', new ProblemError('outcome_unknown', detail))
  }

  const isGivenUp = (row: OperationRow) => {
    const { timeout } = farm.get(row.cloud).settings
    return Date.now() > Date.parse(row.sent_at) + (timeout + reconcileSeconds) * 1000
  }

  const isShared = (id: string) => tracker.get(id)?.phase === 'waiting'
  const poller = createPoller({ step, isShared, log, minInterval })
  const transitions = createTransitions({ rows, tracker, poller, log })
  const follower = createFollower({ transitions, log })
  const starter = createStarter({ rows, tracker, transitions, log })
  const reconcile = createReconciler({ starter, transitions, log, isGivenUp })

  return {
    start: starter.start,
    succeed: starter.succeed,
    running: starter.running,

    /** Reports how much of an operation's work is done, from 0 to 1. Ignores NaN. */
    report (id: string, done: number) {
      const row = tracker.get(id)
      if (row !== undefined && done <= 1) row.progress = Math.floor(done * 100)
    },

    get: async (id: string) => tracker.get(id) ?? rows.get(id),

    /** Waits until an operation ends, for at most `ms` milliseconds, or until the caller or the server stops. */
    async wait (id: string, ms: number, caller?: AbortSignal) {
      if (!poller.stopped()) await tracker.wait(id, ms, caller)
    },

    /** Continues every operation that had not ended when the server stopped. */
    async resume () {
      for (const row of await rows.unended()) {
        if (farm.clouds.find(({ name }) => name === row.cloud)?.connection === undefined) {
          log.warn({ operation: row.id, cloud: row.cloud }, 'the operation waits: its cloud is not served')
          continue
        }
        // The server stopped during the call, so nobody knows whether it reached the cloud.
        if (row.phase === 'calling') row.phase = 'reconciling'
        tracker.set(row)
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
