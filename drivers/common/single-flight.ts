import { openCall, type Call } from '../call.ts'

/**
 * Shares one run between all callers that ask while it is in progress. The run has its own deadline, in milliseconds,
 * so that it does not end with its first caller. Each caller waits until its own signal aborts, and then throws the
 * reason.
 */
export function createSingleFlight<T> (
  timeout: number,
  run: (call: Call) => Promise<T>
): (call: Call) => Promise<T> {
  let flight: Promise<T> | undefined

  const start = ({ log, requestId }: Call) => {
    const call = openCall({ timeout, log, requestId })
    const running = run(call).finally(() => {
      call.end()
      flight = undefined
    })
    // Each caller gets the error from `untilAborted`. Without callers, the error is not an unhandled rejection.
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
