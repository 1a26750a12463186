import type { JobQueue, NextRun, TakenJob } from './queue.ts'

interface Entry extends NextRun {
  name: string
  key: string
  /** The run that has the job now. */
  run: TakenJob | undefined
  /** The time and the data for which the job was planned while it runs. */
  again: Pick<NextRun, 'at' | 'data'> | undefined
}

/** A queue of this process, for a store that one process has. Its jobs end with the process. */
export function createMemoryQueue (): JobQueue {
  const names = new Map<string, Map<string, Entry>>()
  const entriesOf = (name: string) => {
    const known = names.get(name) ?? new Map<string, Entry>()
    names.set(name, known)
    return known
  }

  const moveRunning = (entry: Entry, at: number, data: unknown) => {
    entry.again = { at, data }
  }

  const takeEntry = (entry: Entry): TakenJob => {
    const { name, key, data, failures } = entry
    entry.run = { name, key, data, failures }
    return entry.run
  }

  return {
    pollMs: Infinity,
    async put (name, key, at, data, keep) {
      const entries = entriesOf(name)
      const entry = entries.get(key)
      if (entry === undefined) {
        entries.set(key, { name, key, at, data, failures: 0, run: undefined, again: undefined })
        return
      }
      if (keep) {
        if (entry.run === undefined) entry.at = Math.min(entry.at, at)
        return
      }
      if (entry.run === undefined) Object.assign(entry, { at, data, failures: 0 })
      else moveRunning(entry, at, data)
    },

    async remove (name, key) {
      names.get(name)?.delete(key)
    },

    async take (free) {
      const now = Date.now()
      const jobs: TakenJob[] = []
      let next = Infinity
      for (const [name, count] of free) {
        const waiting = [...names.get(name)?.values() ?? []].filter(({ run }) => run === undefined)
        const due = waiting.filter(({ at }) => at <= now)
        jobs.push(...due.slice(0, count).map(takeEntry))
        for (const { at } of waiting) if (at > now) next = Math.min(next, at)
      }
      return { jobs, nextIn: next - now }
    },

    renew: async (jobs) => [...jobs],

    async finish (job, next) {
      const entries = names.get(job.name)
      const entry = entries?.get(job.key)
      if (entry?.run !== job) return
      const { again } = entry
      if (next === undefined && again === undefined) {
        entries!.delete(job.key)
        return
      }
      const failures = again === undefined ? next!.failures : 0
      Object.assign(entry, {
        ...next,
        ...again,
        at: Math.min(next?.at ?? Infinity, again?.at ?? Infinity),
        failures,
        run: undefined,
        again: undefined
      })
    },

    async close () {
      names.clear()
    }
  }
}
