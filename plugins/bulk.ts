import { setMaxListeners } from 'node:events'
import { createLimiter } from '../drivers/common/limiter.ts'
import { ProblemError } from '../openapi/model/index.ts'

/** Actions that one bulk request runs at the same time. `max_in_flight` of the cloud limits its calls as well. */
const maxParallel = 10

/** Milliseconds after which a bulk request starts no further action, so that a slow cloud cannot hold it for long. */
const startMs = 60_000

/**
 * Runs a function for each id, a few at a time, and returns the outcomes in the order of the ids. An id whose turn does
 * not come in time is rejected with provider_timeout; nothing was sent for it.
 */
export async function runForEach<T> (
  ids: readonly string[],
  run: (id: string) => Promise<T>,
  { timeout = startMs }: { timeout?: number } = {}
): Promise<PromiseSettledResult<T>[]> {
  const limit = createLimiter(maxParallel)
  const late = new AbortController()
  // Each waiting id listens to the signal. Node warns at more than ten listeners.
  setMaxListeners(0, late.signal)
  const timer = setTimeout(
    () =>
      late.abort(
        new ProblemError(
          'provider_timeout',
          `The cloud needed more than ${
            timeout / 1000
          } s for the other nodes of the request, so this action was not sent`
        )
      ),
    timeout
  )
  try {
    return await Promise.allSettled(ids.map((id) => limit(() => run(id), late.signal)))
  } finally {
    clearTimeout(timer)
  }
}
