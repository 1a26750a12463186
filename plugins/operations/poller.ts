import type { Log } from '../../drivers/call.ts'

interface WatchedOperation {
  /** Times of the monotonic clock, in milliseconds: when it began, when its last step began, when the next is due. */
  since: number
  stepped: number
  due: number
  /** Whether a step of it is under way. */
  busy: boolean
}

/** The longest time between two steps of one operation, in milliseconds. */
const maxInterval = 10_000

/** More resources than this on one cloud are followed by lists instead of a get for each. */
export const maxSingleReads = 3

export interface PollerOptions {
  /** Takes the next step of these operations. */
  step(cloud: string, ids: readonly string[]): Promise<void>
  /** Whether an operation can be followed by a list that others need. */
  isShared(id: string): boolean
  log: Log
  /** The shortest time between two steps of one operation, in milliseconds. */
  minInterval: number
}

export interface Poller {
  /** Polls an operation, for the first time at once: a change that is instant at the cloud is instant here. */
  watch(id: string, cloud: string): void
  forget(id: string): void
  stopped(): boolean
  /** Resolves when the steps under way have ended. */
  stop(): Promise<void>
}

/** The operations of one cloud. */
interface Watch {
  operations: Map<string, WatchedOperation>
  /** The operations that have had no step. */
  fresh: Set<string>
  /** The time of the monotonic clock at which the first of the others is due; Infinity if none waits. */
  next: number
}

/**
 * Calls `step` with the operations that are due. An operation that is slow, or whose cloud hangs, delays no other. A
 * turn looks only at the clouds that have operations which are due, and a new operation makes no step of the others
 * necessary, so that many waiting operations cost little.
 */
export function createPoller ({ step, isShared, log, minInterval }: PollerOptions): Poller {
  const clouds = new Map<string, Watch>()
  const cloudOf = new Map<string, string>()
  const steps = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let first: NodeJS.Immediate | undefined
  /** The time for which the timer is set. */
  let alarm = Infinity
  let stopped = false

  /** A quarter of the time since the change, within the bounds: often at first, then less often. */
  const intervalOf = ({ since }: WatchedOperation) =>
    Math.min(maxInterval, Math.max(minInterval, (performance.now() - since) / 4))

  /** Sets the timer if nothing is due before this time. */
  const schedule = (due: number) => {
    if (stopped || due >= alarm) return
    clearTimeout(timer)
    alarm = due
    timer = setTimeout(tick, Math.max(0, due - performance.now()))
    timer.unref()
  }

  /** Starts the first steps of new operations in the next turn of the event loop. */
  const scheduleFirst = () => {
    if (stopped || first !== undefined) return
    first = setImmediate(() => {
      first = undefined
      for (const [cloud, watch] of clouds) startFresh(cloud, watch)
    })
  }

  const setDue = (watch: Watch, operation: WatchedOperation, due: number) => {
    operation.due = due
    watch.next = Math.min(watch.next, due)
    schedule(due)
  }

  const run = async (cloud: string, watch: Watch, ids: readonly string[]) => {
    const operations = ids.flatMap((id) => watch.operations.get(id) ?? [])
    const now = performance.now()
    for (const operation of operations) {
      operation.busy = true
      operation.stepped = now
    }
    try {
      await step(cloud, ids)
    } catch (err) {
      log.error({ err, cloud }, 'operations could not be followed')
    }
    for (const operation of operations) {
      operation.busy = false
      setDue(watch, operation, performance.now() + intervalOf(operation))
    }
  }

  /**
   * Collects what is due at a cloud. If a list is read anyway, it shows the operations too that have waited for half of
   * their interval, so that they are due together from then on.
   */
  const collect = (watch: Watch, now: number) => {
    const due: string[] = []
    const others: string[] = []
    let shared = 0
    watch.next = Infinity
    for (const [id, operation] of watch.operations) {
      if (operation.busy) continue
      const isDue = operation.due <= now
      if (isDue) due.push(id)
      else watch.next = Math.min(watch.next, operation.due)
      if (!isShared(id)) continue
      if (isDue) shared++
      else if (now - operation.stepped >= intervalOf(operation) / 2) others.push(id)
    }
    return shared > 0 && shared + others.length > maxSingleReads ? [...due, ...others] : due
  }

  const start = (cloud: string, watch: Watch, ids: readonly string[]) => {
    if (ids.length === 0) return
    const running = run(cloud, watch, ids).finally(() => steps.delete(running))
    steps.add(running)
  }

  const startFresh = (cloud: string, watch: Watch) => {
    start(cloud, watch, [...watch.fresh])
    watch.fresh.clear()
  }

  const tick = () => {
    alarm = Infinity
    const now = performance.now()
    for (const [cloud, watch] of clouds) {
      if (watch.next <= now) start(cloud, watch, collect(watch, now))
    }
    let next = Infinity
    for (const watch of clouds.values()) next = Math.min(next, watch.next)
    schedule(next)
  }

  return {
    watch (id, cloud) {
      const watch = clouds.get(cloud) ??
        {
          operations: new Map<string, WatchedOperation>(),
          fresh: new Set<string>(),
          next: Infinity
        }
      const now = performance.now()
      clouds.set(cloud, watch)
      cloudOf.set(id, cloud)
      // Until its first step it is not due.
      watch.operations.set(id, { since: now, stepped: now, due: now, busy: true })
      watch.fresh.add(id)
      scheduleFirst()
    },
    forget (id) {
      const cloud = cloudOf.get(id)
      cloudOf.delete(id)
      const watch = clouds.get(cloud ?? '')
      watch?.operations.delete(id)
      watch?.fresh.delete(id)
    },
    stopped: () => stopped,
    async stop () {
      stopped = true
      clearTimeout(timer)
      clearImmediate(first)
      await Promise.all(steps)
    }
  }
}
