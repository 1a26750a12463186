import { setTimeout as sleep } from 'node:timers/promises'
import type { Call } from '../../call.ts'
import { isProblem } from './errors.ts'

/** Milliseconds after a creation during which the cloud may answer that the resource does not exist. */
const consistencyWindow = 60_000

const maxMissingWait = 5_000
const maxStateWait = 10_000
const firstPause = 100
const maxPause = 1_000

/** Whether an error says that the resource does not exist. */
export const isMissing = (error: unknown) => isProblem(error, 'resource_not_found')

/** Ignores that a resource to delete is missing, because an earlier attempt or its owner's end has deleted it. */
export const ignoreMissing = <T>(change: Promise<T>): Promise<T | undefined> =>
  change.catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw error
  })

const pauseFor = (milliseconds: number, { signal }: Call) =>
  sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())

/**
 * Repeats a request while the cloud does not know a resource that it has just made. Amazon's API is eventually
 * consistent and answers NotFound for some seconds; its guide recommends retries with growing pauses. Gives up after
 * 5 s, or when the call ends.
 */
export async function retryWhileMissing<T> (call: Call, run: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + maxMissingWait
  for (let pause = firstPause; ; pause *= 2) {
    try {
      return await run()
    } catch (error) {
      if (!isMissing(error) || performance.now() + pause > deadline) throw error
      await pauseFor(pause, call)
    }
  }
}

/** Reads until `isTransitioning` is false. After 10 s it returns the last result. */
export async function readUntilSettled<T> (
  call: Call,
  read: () => Promise<T>,
  isTransitioning: (item: T) => boolean
): Promise<T> {
  const deadline = performance.now() + maxStateWait
  for (let pause = firstPause; ; pause = Math.min(pause * 2, maxPause)) {
    const item = await read()
    if (!isTransitioning(item) || performance.now() + pause > deadline) return item
    await pauseFor(pause, call)
  }
}

/** Keeps the ids of resources that were made a moment ago, which the cloud may not know yet. */
export function createRecentIds () {
  const times = new Map<string, number>()

  return {
    add (ids: readonly string[]) {
      const now = performance.now()
      for (const [id, time] of times) if (now - time > consistencyWindow) times.delete(id)
      for (const id of ids) times.set(id, now)
    },
    /** Removes a deleted resource, so that a read of it fails at once. */
    remove (id: string) {
      times.delete(id)
    },
    /**
     * Reads a resource, again and again if it is recent and missing. After the resource has appeared once, a NotFound
     * means that it was deleted.
     */
    async read<T> (id: string, call: Call, run: () => Promise<T>): Promise<T> {
      const time = times.get(id)
      if (time === undefined || performance.now() - time > consistencyWindow) return run()
      const found = await retryWhileMissing(call, run)
      times.delete(id)
      return found
    }
  }
}

export type RecentIds = ReturnType<typeof createRecentIds>
