import type { FastifyBaseLogger } from 'fastify'
import type { Change } from '../../drivers/driver.ts'
import { ProblemError, toProblem, type OperationStatus } from '../../openapi/model/index.ts'
import type { Poller } from './poller.ts'
import { toResource } from './resources.ts'
import { isEnded, type OperationRow, type Rows } from './rows.ts'
import type { Tracker } from './tracker.ts'

export interface TransitionsOptions {
  rows: Rows
  tracker: Tracker
  poller: Pick<Poller, 'watch' | 'forget'>
  log: FastifyBaseLogger
}

/** The steps in the life of an operation: each writes the row, then updates memory. */
export function createTransitions ({ rows, tracker, poller, log }: TransitionsOptions) {
  const end = async (row: OperationRow, status: OperationStatus, error: ProblemError | null = null) => {
    if (isEnded(row)) return
    Object.assign(row, {
      status,
      phase: null,
      finished_at: new Date().toISOString(),
      error: error === null ? null : toProblem(error),
      progress: status === 'succeeded' ? 100 : row.progress,
      input: null
    })
    poller.forget(row.id)
    await rows.update(row)
    tracker.remove(row.id)
    log.info({ operation: row.id, kind: row.kind, cloud: row.cloud, status, code: error?.code }, 'operation ended')
  }

  /** Cancels the other operations on resources that this operation destroys. */
  const cancelOthers = async ({ id, resources }: OperationRow) => {
    const destroyed = new Set(resources.map(({ self }) => self))
    const isDestroyed = ({ target, resources }: OperationRow) =>
      [target, ...resources].some((resource) => resource !== null && destroyed.has(resource.self))
    const others = tracker.values().filter((row) => row.id !== id && row.phase !== 'calling' && isDestroyed(row))
    for (const other of others) {
      const detail = 'The resource was destroyed before the operation ended'
      await end(other, 'cancelled', new ProblemError('resource_not_found', detail))
    }
  }

  return {
    end,

    /** Records that the cloud has accepted a change. Without anything to wait for, this ends the operation. */
    async accept (row: OperationRow, { resources, until }: Change) {
      Object.assign(row, {
        status: 'running',
        phase: 'waiting',
        resources: resources.map((ref) => toResource(row.cloud, ref)),
        until,
        input: null,
        sent_at: new Date().toISOString()
      })
      if (until.gone === true) await cancelOthers(row)
      if (until.states.length === 0 && until.gone !== true) return end(row, 'succeeded')
      await rows.update(row)
      poller.watch(row.id, row.cloud)
    },

    /** Records that the answer of the cloud was lost. */
    async reconcile (row: OperationRow) {
      row.phase = 'reconciling'
      await rows.update(row)
      poller.watch(row.id, row.cloud)
    },

    /** Records that a create is sent again. */
    async retry (row: OperationRow) {
      Object.assign(row, { phase: 'calling', attempts: row.attempts + 1, sent_at: new Date().toISOString() })
      await rows.update(row)
    }
  }
}

export type Transitions = ReturnType<typeof createTransitions>
