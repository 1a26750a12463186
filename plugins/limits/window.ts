export interface WindowOptions {
  /** How often a key may be used in one window, by the requests to all servers of the store. */
  quota: number
  /** The part of this server of a number that all servers have together. By default there are no others. */
  partOf?: ((total: number) => number) | undefined
  /** Length of a window in seconds. It begins with the first use of a key. */
  seconds: number
}

export interface Use {
  isAllowed: boolean
  /** How often the key may still be used in this window, as far as this server knows. */
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
export function createWindow ({ quota, partOf = (total) => total, seconds }: WindowOptions) {
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
      const part = partOf(quota)
      const left = Math.max(0, part - count.used)
      return {
        isAllowed: count.used <= part,
        // The other servers have as much left, if the requests are spread evenly.
        remaining: part === quota ? left : Math.floor(left / part * quota),
        // The difference of two decimals may be a little more than the window.
        reset: Math.min(seconds, Math.ceil((count.endsAt - now) / 1000))
      }
    },
    /** Whether a key has been used more often than its quota in a window that has not ended. */
    isExceeded (key: string) {
      const count = counts.get(key)
      return count !== undefined && count.used > partOf(quota) && count.endsAt > performance.now()
    },
    get size () {
      return counts.size
    }
  }
}
