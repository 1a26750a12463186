import { Readable } from 'node:stream'
import { ProblemError } from '../openapi/model/index.ts'

/** A file on its way, and the signal that ends it when it no longer moves. */
export interface Moving {
  body: Readable
  signal: AbortSignal
  /** To be called when the request is over: stops the clock. */
  end (): void
}

/**
 * Watches a file that is sent: how long it takes is nobody's concern, but it must not stand still for longer than
 * `patience` milliseconds, be it for its sender or for the cloud. The file is not closed when the cloud wants no more of
 * it: its sender still waits for the answer.
 */
export function watchStream (file: AsyncIterable<Uint8Array>, patience: number, caller: AbortSignal): Moving {
  const controller = new AbortController()
  let reading = false

  const tooLong = () => reading
    ? new ProblemError('invalid_request', `Nothing of the file came for ${patience / 1000} s`)
    : new ProblemError('provider_timeout', `The cloud took nothing of the file for ${patience / 1000} s`)
  const timer = setTimeout(() => controller.abort(tooLong()), patience)

  async function * parts () {
    const iterator = file[Symbol.asyncIterator]()
    for (;;) {
      reading = true
      const { done, value } = await iterator.next().catch((cause: unknown) => {
        throw new ProblemError('invalid_request', 'The file broke off before its end', { cause })
      })
      reading = false
      timer.refresh()
      if (done === true) return
      yield value
      timer.refresh()
    }
  }

  return {
    body: Readable.from(parts(), { objectMode: false }),
    signal: AbortSignal.any([caller, controller.signal]),
    end: () => clearTimeout(timer)
  }
}
