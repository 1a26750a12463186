import type { Log } from '../../drivers/call.ts'

interface Watched {
  cloud: string
  since: number
  due: number
}

/** Soon at first, then ever less often: a quarter of the time that has passed, within these bounds, in milliseconds. */
const soonest = 200
const latest = 10_000

const interval = ({ since }: Watched) => Math.min(latest, Math.max(soonest, (Date.now() - since) / 4))

/** Calls `step` with what is due, one step at a time for each cloud, until each is forgotten. */
export function createPoller ({ step, log }: { step: (cloud: string, ids: readonly string[]) => Promise<void>, log: Log }) {
  const watched = new Map<string, Watched>()
  const stepping = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const schedule = () => {
    clearTimeout(timer)
    if (stopped) return
    let next = Infinity
    for (const { cloud, due } of watched.values()) if (!stepping.has(cloud)) next = Math.min(next, due)
    if (next === Infinity) return
    timer = setTimeout(tick, Math.max(0, next - Date.now()))
    timer.unref()
  }

  const tick = () => {
    const now = Date.now()
    const due = new Map<string, string[]>()
    for (const [id, { cloud, due: at }] of watched) {
      if (at > now || stepping.has(cloud)) continue
      due.set(cloud, [...due.get(cloud) ?? [], id])
    }
    // What is due soon goes along: operations that wait together are looked at together.
    for (const [id, one] of watched) if (one.due > now && one.due - now < interval(one) / 2) due.get(one.cloud)?.push(id)
    for (const [cloud, ids] of due) {
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
