import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../drivers/call.ts'
import { createWaiters } from './waiters.ts'

/** Milliseconds between two looks into the store for ends that nobody has told. */
const lookInterval = 2000

export interface WaitsOptions {
  /** Which of these operations have ended. */
  endedOf: (ids: readonly string[]) => Promise<string[]>
  log: Log
}

/**
 * Waits for the ends of operations for which other servers act. `wake` tells an end at once; one that nobody has told
 * is found in the store after 2 s at most.
 */
export function createWaits ({ endedOf, log }: WaitsOptions) {
  const waiters = createWaiters()
  let looking = false

  const look = async () => {
    if (looking) return
    looking = true
    while (waiters.ids().length > 0) {
      await sleep(lookInterval, undefined, { ref: false })
      const ids = waiters.ids()
      if (ids.length === 0) break
      try {
        for (const id of await endedOf(ids)) waiters.wake(id)
      } catch (err) {
        log.warn({ err }, 'the ends of operations could not be read; this is tried again')
      }
    }
    looking = false
  }

  return {
    wake: waiters.wake,

    /** Resolves when the operation has ended, after `ms` milliseconds, or when `caller` aborts. */
    async wait (id: string, ms: number, caller?: AbortSignal) {
      const ended = waiters.wait(id, ms, caller)
      look()
      await ended
    },

    /** Ends all waits. */
    stop: waiters.wakeAll
  }
}
