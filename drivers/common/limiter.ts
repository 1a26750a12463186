/** Runs functions, at most a fixed number at once. The others wait in line. */
export interface Limiter {
  <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** The number of functions that run now. */
  readonly running: number
  /** The number of functions that wait now. */
  readonly waiting: number
  /** Divides the maximum among so many processes, of which this is one. Each has at least 1. */
  divide(processes: number): void
}

/**
 * Creates a limiter of parallel calls. If the signal of a waiting call aborts, the call leaves the line and throws the
 * reason. It has sent nothing by then.
 */
export function createLimiter (maxRunning: number): Limiter {
  const waiting = new Set<() => void>()
  let running = 0
  let allowed = maxRunning

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

  const startWaiting = () => {
    for (const start of waiting) {
      if (running >= allowed) return
      waiting.delete(start)
      start()
    }
  }

  const limit = async <T>(run: () => Promise<T>, signal: AbortSignal) => {
    signal.throwIfAborted()
    if (running < allowed) running++
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
      value (processes: number) {
        allowed = Math.max(1, Math.ceil(maxRunning / processes))
        startWaiting()
      }
    }
  }) as Limiter
}
