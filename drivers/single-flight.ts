import { openCall, type Call } from './call.ts'

/**
 * One run for all who ask while it is under way. The run has a deadline of its own, so that it does not end with the
 * caller who happened to be first; each caller waits no longer than its own signal allows, and throws its reason then.
 */
export function createFlight<T> (timeout: number, run: (call: Call) => Promise<T>): (call: Call) => Promise<T> {
  let flight: Promise<T> | undefined

  const start = ({ log, requestId }: Call) => {
    const call = openCall({ timeout, log, requestId })
    const running = run(call).finally(() => {
      call.end()
      flight = undefined
    })
    // Whoever still waits is told below; with nobody waiting this is nobody's error.
    running.catch(() => {})
    return running
  }

  return (call) => {
    flight ??= start(call)
    return untilAborted(flight, call.signal)
  }
}

/** Resolves with the promise, or rejects with the reason of the signal if this is aborted before. */
export function untilAborted<T> (promise: Promise<T>, signal: AbortSignal) {
  return new Promise<T>((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
