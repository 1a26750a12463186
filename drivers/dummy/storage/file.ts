import { createHash } from 'node:crypto'
import type { Call } from '../../call.ts'
import { watchStream } from '../../stream.ts'

/** The next piece of a file; throws the signal's reason when the call ends meanwhile. */
async function next (pieces: AsyncIterator<Uint8Array>, signal: AbortSignal) {
  signal.throwIfAborted()
  let late = () => {}
  const ended = new Promise<never>((_resolve, reject) => {
    late = () => {
      const { reason } = signal
      reject(reason)
    }
    signal.addEventListener('abort', late)
  })
  try {
    return await Promise.race([pieces.next(), ended])
  } finally {
    signal.removeEventListener('abort', late)
  }
}

/**
 * Reads a file to its end and tells its length and hash: no byte of it is kept. Throws invalid_request where it breaks
 * off or stands still for `patience` milliseconds, or what ended the call.
 */
export async function measure (file: AsyncIterable<Uint8Array>, patience: number, { signal: caller }: Call) {
  const { body, signal, end } = watchStream(file, patience, caller)
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const hash = createHash('sha256')
  let size = 0
  try {
    for (;;) {
      const { done, value } = await next(pieces, signal)
      if (done === true) return { size, checksum: hash.digest('hex') }
      hash.update(value)
      size += value.length
    }
  } finally {
    end()
  }
}
