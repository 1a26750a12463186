/** Runs functions, at most a fixed number at once. The others wait in line. */
export type Limiter = <T>(run: () => Promise<T>, signal: AbortSignal) => Promise<T>

/**
 * Creates a limiter of parallel calls. If the signal of a waiting call aborts, the call leaves the line and throws the
 * reason. It has sent nothing by then.
 */
export function createLimiter (maxRunning: number): Limiter {
  const waiting = new Set<() => void>()
  let running = 0

  const waitForTurn = (signal: AbortSignal) => new Promise<void>((resolve, reject) => {
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

  return async (run, signal) => {
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
}
