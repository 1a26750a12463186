/** Runs functions, at most so many at a time; the others wait in line. */
export type Limiter = <T>(run: () => Promise<T>, signal: AbortSignal) => Promise<T>

/**
 * A limit of calls in flight. One that waits leaves the line when its signal is aborted, and throws the reason: nothing
 * of it has been sent then.
 */
export function createLimiter (most: number): Limiter {
  const waiting = new Set<() => void>()
  let running = 0

  const enter = (signal: AbortSignal) => new Promise<void>((resolve, reject) => {
    const go = () => {
      signal.removeEventListener('abort', leave)
      running++
      resolve()
    }
    const leave = () => {
      waiting.delete(go)
      reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.add(go)
  })

  return async (run, signal) => {
    signal.throwIfAborted()
    if (running < most) running++
    else await enter(signal)
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
