import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { JobQueue, NextRun, TakenJob } from './queue.ts'

/** A run of a job. */
export interface Job<T = unknown> {
  readonly key: string
  readonly data: T
  /**
   * Aborts when the server stops, and when it could not renew its hold on the job for 10 s: from then on another server
   * may run the job, so the handler must end without a further effect.
   */
  readonly signal: AbortSignal
}

/**
 * Does the work of a job. Resolves to the time at which the job runs again, in milliseconds since 1970, or to undefined
 * if it has ended. If it rejects, the job runs again after a pause that grows with each failure.
 */
export type JobHandler<T = unknown> = (job: Job<T>) => Promise<number | undefined>

export interface JobKind {
  handler: JobHandler<any>
  /** How many jobs of the name this server runs at once. */
  atOnce: number
}

/** Bounds of the pause after a failure, in milliseconds. */
const minPause = 1000
const maxPause = 300_000

/** Milliseconds between two renewals of the jobs that run, and without any until they are given up. */
const renewMs = 4000
const giveUpMs = 10_000

/** Milliseconds between two attempts to write the end of a run. */
const writePause = 1000

/** The longest pause between two looks, in milliseconds, since the clock may be set. */
const maxSleep = 3_600_000

interface Run {
  job: TakenJob
  stopping: AbortController
  done: Promise<void>
}

export interface RunnerOptions {
  queue: JobQueue
  kinds: ReadonlyMap<string, JobKind>
  /** Whether this server may take jobs now. */
  isActive(): boolean
  log: FastifyBaseLogger
}

/** Takes jobs from a queue when they are due, and runs them. */
export function createRunner ({ queue, kinds, isActive, log }: RunnerOptions) {
  const runs = new Map<TakenJob, Run>()
  let timer: NodeJS.Timeout | undefined
  let renewTimer: NodeJS.Timeout | undefined
  let isLooking = false
  let mustLookAgain = false
  let isStopped = false
  let isFailing = false
  let renewedAt = 0
  /** When the next look is, in milliseconds since 1970. */
  let nextLook = Infinity

  const sleepUntil = (at: number) => {
    clearTimeout(timer)
    if (isStopped) return
    nextLook = at
    timer = setTimeout(look, Math.min(Math.max(at - Date.now(), 0), maxSleep)).unref()
  }

  const planAfterFailure = ({ data, failures }: TakenJob): NextRun => ({
    at: Date.now() + Math.min(maxPause, minPause * 2 ** Math.min(failures, 20)),
    data,
    failures: failures + 1
  })

  const execute = async (job: TakenJob, signal: AbortSignal): Promise<NextRun | undefined> => {
    const { name, key, data, failures } = job
    try {
      const at = await kinds.get(name)!.handler({ key, data, signal })
      return at === undefined ? undefined : { at, data, failures: 0 }
    } catch (err) {
      // Another server, or the next start, continues what this one leaves.
      if (signal.aborted) return { at: Date.now(), data, failures }
      const level = failures === 0 ? 'error' : 'debug'
      log[level]({ err, job: name, key }, 'a job failed; it is tried again until it succeeds')
      return planAfterFailure(job)
    }
  }

  /** Writes the end of a run. If the queue cannot be written for longer, another server takes the job over. */
  const write = async (job: TakenJob, next: NextRun | undefined) => {
    for (const start = Date.now(); Date.now() - start < giveUpMs; await sleep(writePause)) {
      try {
        return await queue.finish(job, next)
      } catch (error) {
        noteFailure(error)
        if (isStopped) return
      }
    }
  }

  const noteFailure = (err: unknown) => {
    if (!isFailing) log.warn({ err }, 'the jobs cannot be read or written; this is tried again')
    isFailing = true
  }

  const start = (job: TakenJob) => {
    const stopping = new AbortController()
    const run = async () => {
      await write(job, await execute(job, stopping.signal))
      runs.delete(job)
      look()
    }
    runs.set(job, { job, stopping, done: run() })
    if (renewTimer === undefined && queue.pollMs !== Infinity) {
      renewedAt = Date.now()
      renewTimer = setTimeout(renew, renewMs).unref()
    }
  }

  const giveUp = (lost: Iterable<Run>) => {
    for (const { stopping } of lost) stopping.abort(new Error('Another server may run the job'))
  }

  /** Renews the hold on the jobs that run. */
  const renew = async () => {
    const held = [...runs.values()]
    renewTimer = undefined
    if (held.length === 0) return
    const asked = Date.now()
    try {
      const renewed = new Set(await queue.renew(held.map(({ job }) => job)))
      giveUp(held.filter(({ job }) => !renewed.has(job)))
      renewedAt = asked
    } catch (error) {
      noteFailure(error)
      if (Date.now() - renewedAt >= giveUpMs) giveUp(held)
    }
    renewTimer ??= setTimeout(renew, isFailing ? writePause : renewMs).unref()
  }

  const countFree = () => {
    const free = new Map([...kinds].map(([name, { atOnce }]) => [name, atOnce]))
    for (const { name } of runs.keys()) free.set(name, free.get(name)! - 1)
    return new Map([...free].filter(([, count]) => count > 0))
  }

  const takeDue = async (): Promise<number> => {
    if (!isActive()) return Math.min(queue.pollMs, writePause)
    try {
      const { jobs, nextIn } = await queue.take(countFree())
      isFailing = false
      for (const job of jobs) start(job)
      // Jobs that were due and not taken went to other servers, or wait for a free place.
      return Math.min(queue.pollMs, Math.max(nextIn, 1))
    } catch (error) {
      noteFailure(error)
      return Math.min(queue.pollMs, writePause)
    }
  }

  const look = async () => {
    if (isStopped) return
    mustLookAgain = isLooking
    if (isLooking) return
    isLooking = true
    nextLook = Infinity
    const wait = await takeDue()
    isLooking = false
    if (mustLookAgain) look()
    else sleepUntil(Math.min(nextLook, Date.now() + wait))
  }

  return {
    /** Looks for jobs that are due at a time, in milliseconds since 1970. */
    lookAt (at: number) {
      // The clock may have been set, so that the next look is overdue.
      if (at >= nextLook && nextLook > Date.now()) return
      const next = Math.min(at, nextLook)
      if (isLooking) nextLook = next
      else sleepUntil(next)
    },
    /** Takes no more jobs, and aborts those that run. */
    stop () {
      isStopped = true
      clearTimeout(timer)
      for (const { stopping } of runs.values()) stopping.abort(new Error('The server stops'))
    },
    /** Resolves when no job runs any more. */
    async end () {
      await Promise.all([...runs.values()].map(({ done }) => done))
      clearTimeout(renewTimer)
    }
  }
}
