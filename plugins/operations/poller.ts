import type { Log } from '../../drivers/call.ts'

interface WatchedOperation {
  cloud: string
  /** Times of the monotonic clock, in milliseconds. */
  since: number
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
  step (cloud: string, ids: readonly string[]): Promise<void>
  /** Whether an operation can be followed by a list that others need. */
  isShared (id: string): boolean
  log: Log
  /** The shortest time between two steps of one operation, in milliseconds. */
  minInterval: number
}

export interface Poller {
  /** Polls an operation, for the first time at once: a change that is instant at the cloud is instant here. */
  watch (id: string, cloud: string): void
  forget (id: string): void
  stopped (): boolean
  /** Resolves when the steps under way have ended. */
  stop (): Promise<void>
}

/** Calls `step` with the operations that are due. An operation that is slow, or whose cloud hangs, delays no other. */
export function createPoller ({ step, isShared, log, minInterval }: PollerOptions): Poller {
  const watched = new Map<string, WatchedOperation>()
  const steps = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  /** A quarter of the time since the change, within the bounds: often at first, then less often. */
  const intervalOf = ({ since }: WatchedOperation) =>
    Math.min(maxInterval, Math.max(minInterval, (performance.now() - since) / 4))

  const schedule = () => {
    clearTimeout(timer)
    if (stopped) return
    let next = Infinity
    for (const { busy, due } of watched.values()) if (!busy) next = Math.min(next, due)
    if (next === Infinity) return
    timer = setTimeout(tick, Math.max(0, next - performance.now()))
    timer.unref()
  }

  /** Adds the operations that are not due yet, if a list is read anyway: it shows their resources too. */
  const addShared = (cloud: string, due: readonly string[]) => {
    if (!due.some(isShared)) return due
    const isDue = new Set(due)
    const others = [...watched].flatMap(([id, operation]) =>
      operation.cloud === cloud && !operation.busy && !isDue.has(id) && isShared(id) ? [id] : [])
    return due.filter(isShared).length + others.length > maxSingleReads ? [...due, ...others] : due
  }

  const run = async (cloud: string, ids: readonly string[]) => {
    const operations = ids.flatMap((id) => watched.get(id) ?? [])
    for (const operation of operations) operation.busy = true
    try {
      await step(cloud, ids)
    } catch (err) {
      log.error({ err, cloud }, 'operations could not be followed')
    }
    for (const operation of operations) {
      operation.busy = false
      operation.due = performance.now() + intervalOf(operation)
    }
    schedule()
  }

  const tick = () => {
    const now = performance.now()
    const dueByCloud = new Map<string, string[]>()
    for (const [id, { cloud, due, busy }] of watched) {
      if (due > now || busy) continue
      const ids = dueByCloud.get(cloud)
      if (ids === undefined) dueByCloud.set(cloud, [id])
      else ids.push(id)
    }
    for (const [cloud, due] of dueByCloud) {
      const running = run(cloud, addShared(cloud, due)).finally(() => steps.delete(running))
      steps.add(running)
    }
    schedule()
  }

  return {
    watch (id, cloud) {
      const now = performance.now()
      watched.set(id, { cloud, since: now, due: now, busy: false })
      schedule()
    },
    forget: (id) => { watched.delete(id) },
    stopped: () => stopped,
    async stop () {
      stopped = true
      clearTimeout(timer)
      await Promise.all(steps)
    }
  }
}
