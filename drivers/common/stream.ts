import { Readable } from 'node:stream'
import { ProblemError } from '../../openapi/model/index.ts'

export interface WatchedStream {
  body: Readable
  /** Aborts when the caller aborts, or when the stream stalls. */
  signal: AbortSignal
  /** Stops the timer. To be called when the request is over. */
  end(): void
}

/**
 * Watches a file that is sent to a cloud. The transfer may take any time, but neither the sender nor the cloud may
 * stall for more than `idleTimeout` milliseconds. If the cloud stops reading, the file is not closed: its sender still
 * waits for the response.
 */
export function watchStream (
  file: AsyncIterable<Uint8Array>,
  idleTimeout: number,
  caller: AbortSignal
): WatchedStream {
  const controller = new AbortController()
  let isReading = false

  const stalled = () =>
    isReading
      ? new ProblemError(
        'invalid_request',
        `The sender sent nothing of the file for ${idleTimeout / 1000} s`
      )
      : new ProblemError(
        'provider_timeout',
        `The cloud accepted nothing of the file for ${idleTimeout / 1000} s`
      )
  const timer = setTimeout(() => controller.abort(stalled()), idleTimeout)

  async function * readParts () {
    const iterator = file[Symbol.asyncIterator]()
    for (;;) {
      isReading = true
      const { done, value } = await iterator.next().catch((cause: unknown) => {
        throw new ProblemError('invalid_request', 'The file ended before it was complete', {
          cause
        })
      })
      isReading = false
      timer.refresh()
      if (done === true) return
      yield value
      timer.refresh()
    }
  }

  return {
    body: Readable.from(readParts(), { objectMode: false }),
    signal: AbortSignal.any([caller, controller.signal]),
    end: () => clearTimeout(timer)
  }
}
