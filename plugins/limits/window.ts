export interface WindowOptions {
  /** How often a key may be used in one window. */
  quota: () => number
  /** Length of a window in seconds. It begins with the first use of a key. */
  seconds: number
}

export interface Use {
  isAllowed: boolean
  /** How often the key may still be used in this window. */
  remaining: number
  /** Seconds until the window ends, rounded up. */
  reset: number
}

interface Count {
  used: number
  endsAt: number
}

/** Keys that are remembered at most. Beyond that, the windows that have ended are dropped, then the oldest. */
const maxKeys = 10_000

/** Counts the uses of keys in windows of time, in memory. */
export function createWindow ({ quota, seconds }: WindowOptions) {
  const counts = new Map<string, Count>()

  const makeRoom = (now: number) => {
    for (const [key, { endsAt }] of counts) {
      if (endsAt <= now) counts.delete(key)
    }
    // A Map iterates in the order of insertion.
    for (const key of counts.keys()) {
      if (counts.size < maxKeys) return
      counts.delete(key)
    }
  }

  const countOf = (key: string, now: number): Count => {
    const known = counts.get(key)
    if (known !== undefined && known.endsAt > now) return known
    if (known === undefined && counts.size >= maxKeys) makeRoom(now)
    const count = { used: 0, endsAt: now + seconds * 1000 }
    counts.set(key, count)
    return count
  }

  return {
    /** Uses a key once. A use that is not allowed counts, too, but does not make the window longer. */
    take (key: string): Use {
      const now = performance.now()
      const count = countOf(key, now)
      count.used++
      const most = quota()
      return {
        isAllowed: count.used <= most,
        remaining: Math.max(0, most - count.used),
        // The difference of two decimals may be a little more than the window.
        reset: Math.min(seconds, Math.ceil((count.endsAt - now) / 1000))
      }
    },
    /** Whether a key has been used more often than its quota in a window that has not ended. */
    isExceeded (key: string) {
      const count = counts.get(key)
      return count !== undefined && count.used > quota() && count.endsAt > performance.now()
    },
    get size () {
      return counts.size
    }
  }
}
