import { setTimeout as sleep } from 'node:timers/promises'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'

/** Milliseconds in which what was made may not be seen yet. */
const window = 60_000
const patience = 5_000

/** Whether this is what the cloud says of what is not there. */
export const isMissing = (error: unknown) => error instanceof ProblemError && error.code === 'resource_not_found'

/**
 * Asks again as long as the cloud does not know what it has just made: Amazon's API is eventually consistent, and says
 * NotFound for some seconds (its guide says to ask again with growing pauses). Ends after 5 s, or with the call.
 */
export async function eventually<T> (call: Call, run: () => Promise<T>): Promise<T> {
  const until = performance.now() + patience
  for (let pause = 100; ; pause *= 2) {
    try {
      return await run()
    } catch (error) {
      if (!isMissing(error) || performance.now() + pause > until) throw error
      await sleep(pause, undefined, { signal: call.signal }).catch(() => call.signal.throwIfAborted())
    }
  }
}

/** Ids that were made a moment ago, whose absence is no news yet. */
export function createFresh () {
  const made = new Map<string, number>()
  return {
    note (ids: readonly string[]) {
      const now = performance.now()
      for (const [id, at] of made) if (now - at > window) made.delete(id)
      for (const id of ids) made.set(id, now)
    },
    /** What was deleted is gone at once. */
    forget (id: string) { made.delete(id) },
    /** Reads one: again where it is fresh and not there. Once it was seen, its absence is news. */
    async read<T> (id: string, call: Call, run: () => Promise<T>): Promise<T> {
      const at = made.get(id)
      if (at === undefined || performance.now() - at > window) return run()
      const found = await eventually(call, run)
      made.delete(id)
      return found
    }
  }
}

export type Fresh = ReturnType<typeof createFresh>
