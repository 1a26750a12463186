import { createHash } from 'node:crypto'
import type { Call } from '../../call.ts'
import { untilAborted } from '../../single-flight.ts'
import { watchStream } from '../../stream.ts'

/**
 * Computes the size and the SHA-256 of a file without keeping it. Throws invalid_request if the file ends early or no
 * data arrives for `idleTimeout` milliseconds, and the signal's reason if the call is aborted.
 */
export async function measureFile (
  file: AsyncIterable<Uint8Array>, idleTimeout: number, { signal: caller }: Call
) {
  const { body, signal, end } = watchStream(file, idleTimeout, caller)
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const hash = createHash('sha256')
  let size = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await untilAborted(chunks.next(), signal)
      if (done === true) return { size_bytes: size, checksum: hash.digest('hex') }
      hash.update(value)
      size += value.length
    }
  } finally {
    end()
  }
}
