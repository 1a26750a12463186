import type { Log } from '../../drivers/call.ts'

interface WatchedOperation {
  cloud: string
  since: number
  due: number
}

/** The longest time between two steps of one operation, in milliseconds. */
const maxInterval = 10_000

/** More operations than this on one cloud are followed by lists instead of a get for each. */
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

/** Calls `step` with the operations that are due, one step at a time for each cloud. */
export function createPoller ({ step, isShared, log, minInterval }: PollerOptions): Poller {
  const watched = new Map<string, WatchedOperation>()
  const stepping = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  /** A quarter of the time since the change, within the bounds: often at first, then less often. */
  const intervalOf = ({ since }: WatchedOperation) =>
    Math.min(maxInterval, Math.max(minInterval, (Date.now() - since) / 4))

  const schedule = () => {
    clearTimeout(timer)
    if (stopped) return
    let next = Infinity
    for (const { cloud, due } of watched.values()) if (!stepping.has(cloud)) next = Math.min(next, due)
    if (next === Infinity) return
    timer = setTimeout(tick, Math.max(0, next - Date.now()))
    timer.unref()
  }

  /** Adds the operations that are not due yet, if a list is read anyway: it shows their resources too. */
  const addShared = (cloud: string, due: readonly string[]) => {
    if (!due.some(isShared)) return due
    const others = [...watched].flatMap(([id, operation]) =>
      operation.cloud === cloud && !due.includes(id) && isShared(id) ? [id] : [])
    return due.filter(isShared).length + others.length > maxSingleReads ? [...due, ...others] : due
  }

  const tick = () => {
    const now = Date.now()
    const due = new Map<string, string[]>()
    for (const [id, { cloud, due: at }] of watched) {
      if (at > now || stepping.has(cloud)) continue
      due.set(cloud, [...due.get(cloud) ?? [], id])
    }
    for (const [cloud, first] of due) {
      const ids = addShared(cloud, first)
      stepping.set(cloud, step(cloud, ids)
        .catch((err: unknown) => log.error({ err, cloud }, 'operations could not be followed'))
        .finally(() => {
          for (const id of ids) {
            const operation = watched.get(id)
            if (operation !== undefined) operation.due = Date.now() + intervalOf(operation)
          }
          stepping.delete(cloud)
          schedule()
        }))
    }
    schedule()
  }

  return {
    watch (id, cloud) {
      watched.set(id, { cloud, since: Date.now(), due: Date.now() })
      schedule()
    },
    forget: (id) => { watched.delete(id) },
    stopped: () => stopped,
    async stop () {
      stopped = true
      clearTimeout(timer)
      await Promise.all(stepping.values())
    }
  }
}
