/** Runs functions, at most a fixed number at once. The others wait in line. */
export interface Limiter {
  <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** The number of functions that run now. */
  readonly running: number
  /** The number of functions that wait now. */
  readonly waiting: number
}

/**
 * Creates a limiter of parallel calls. If the signal of a waiting call aborts, the call leaves the line and throws the
 * reason. It has sent nothing by then.
 */
export function createLimiter (maxRunning: number): Limiter {
  const waiting = new Set<() => void>()
  let running = 0

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

  const limit = async <T>(run: () => Promise<T>, signal: AbortSignal) => {
    signal.throwIfAborted()
    if (running < maxRunning) running++
    else await waitForTurn(signal)
    try {
      return await run()
    } finally {
      running--
      const [next] = waiting
      if (next !== undefined) {
        waiting.delete(next)
        next()
      }
    }
  }
  return Object.defineProperties(limit, {
    running: { get: () => running },
    waiting: { get: () => waiting.size }
  }) as Limiter
}
