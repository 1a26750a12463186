/** A process among those that share a limit, counted from 0. */
export interface Place {
  index: number
  count: number
}

/** Divides a limit, so that the parts have it as their sum. Each part is at least 1. */
export const partOf = (total: number, { index, count }: Place): number =>
  Math.max(1, Math.floor(total / count) + (index < total % count ? 1 : 0))

/** Runs functions, at most a fixed number at once. The others wait in line. */
export interface Limiter {
  <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** The number of functions that run now. */
  readonly running: number
  /** The number of functions that wait now. */
  readonly waiting: number
  /** Leaves only a part of the limit to this process from now on. */
  divide(place: Place): void
}

/**
 * Creates a limiter of parallel calls. If the signal of a waiting call aborts, the call leaves the line and throws the
 * reason. It has sent nothing by then.
 */
export function createLimiter (maxRunning: number): Limiter {
  const waiting = new Set<() => void>()
  let running = 0
  let max = maxRunning

  const waitForTurn = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', leave)
        running++
        resolve()
      }
      const leave = () => {
        waiting.delete(start)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      waiting.add(start)
    })

  /** Starts the functions that have waited longest, as far as the limit allows. */
  const startWaiting = () => {
    for (const start of waiting) {
      if (running >= max) return
      waiting.delete(start)
      start()
    }
  }

  const limit = async <T>(run: () => Promise<T>, signal: AbortSignal) => {
    signal.throwIfAborted()
    if (running < max) running++
    else await waitForTurn(signal)
    try {
      return await run()
    } finally {
      running--
      startWaiting()
    }
  }
  return Object.defineProperties(limit, {
    running: { get: () => running },
    waiting: { get: () => waiting.size },
    divide: {
      value (place: Place) {
        max = partOf(maxRunning, place)
        startWaiting()
      }
    }
  }) as Limiter
}
