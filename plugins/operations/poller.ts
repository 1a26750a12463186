import type { Log } from '../../drivers/call.ts'

interface Watched {
  cloud: string
  since: number
  due: number
}

/** Longest interval between two checks of one operation, in milliseconds. */
const maxInterval = 10_000

/** More operations than these on one cloud are looked at together, by lists. */
export const few = 3

export interface Polled {
  /** One look at each of these. */
  step (cloud: string, ids: readonly string[]): Promise<void>
  /** Whether one may be looked at before its time, when others are. */
  together (id: string): boolean
  log: Log
  /** Shortest interval between two checks of one operation, in milliseconds. */
  minInterval: number
}

/** Calls `step` with what is due, one step at a time for each cloud, until each is forgotten. */
export function createPoller ({ step, together, log, minInterval }: Polled) {
  const watched = new Map<string, Watched>()
  const stepping = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  /** A quarter of the operation's age, within the bounds: often at first, then ever less. */
  const interval = ({ since }: Watched) => Math.min(maxInterval, Math.max(minInterval, (Date.now() - since) / 4))

  const schedule = () => {
    clearTimeout(timer)
    if (stopped) return
    let next = Infinity
    for (const { cloud, due } of watched.values()) if (!stepping.has(cloud)) next = Math.min(next, due)
    if (next === Infinity) return
    timer = setTimeout(tick, Math.max(0, next - Date.now()))
    timer.unref()
  }

  /** One list tells of all: where there are many they keep the pace of the youngest, and each is not asked for by itself. */
  const withOthers = (cloud: string, due: readonly string[]) => {
    if (!due.some(together)) return due
    const others = [...watched].flatMap(([id, one]) => one.cloud === cloud && !due.includes(id) && together(id) ? [id] : [])
    return due.filter(together).length + others.length > few ? [...due, ...others] : due
  }

  const tick = () => {
    const now = Date.now()
    const due = new Map<string, string[]>()
    for (const [id, { cloud, due: at }] of watched) {
      if (at > now || stepping.has(cloud)) continue
      due.set(cloud, [...due.get(cloud) ?? [], id])
    }
    for (const [cloud, first] of due) {
      const ids = withOthers(cloud, first)
      stepping.set(cloud, step(cloud, ids)
        .catch((err: unknown) => log.error({ err, cloud }, 'operations could not be looked at'))
        .finally(() => {
          for (const id of ids) {
            const one = watched.get(id)
            if (one !== undefined) one.due = Date.now() + interval(one)
          }
          stepping.delete(cloud)
          schedule()
        }))
    }
    schedule()
  }

  return {
    watch (id: string, cloud: string) {
      // The first look is at once: what is instant at the cloud is instant here.
      watched.set(id, { cloud, since: Date.now(), due: Date.now() })
      schedule()
    },
    forget: (id: string) => { watched.delete(id) },
    stopped: () => stopped,
    async stop () {
      stopped = true
      clearTimeout(timer)
      await Promise.all(stepping.values())
    }
  }
}
