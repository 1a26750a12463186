import { createHash } from 'node:crypto'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'

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
 * off, or what ended the call.
 */
export async function measure (file: AsyncIterable<Uint8Array>, { signal }: Call) {
  const hash = createHash('sha256')
  const pieces = file[Symbol.asyncIterator]()
  let size = 0
  try {
    for (;;) {
      const { done, value } = await next(pieces, signal)
      if (done === true) return { size, checksum: hash.digest('hex') }
      hash.update(value)
      size += value.length
    }
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause
    throw new ProblemError('invalid_request', 'The file broke off before its end', { cause, hint: 'Send it again: nothing was kept of it.' })
  }
}
