import type { Readable } from 'node:stream'

export interface LineOptions {
  /** The maximum number of bytes of one line. */
  maxBytes: number
  onLine(line: string): void
  /** The line is longer than the maximum. The rest of the stream is ignored. */
  onOverflow(): void
}

const newline = 10

/** Splits a stream into lines. Unlike a splitter of texts, it scans each byte of a long line only once. */
export function readLines (stream: Readable, { maxBytes, onLine, onOverflow }: LineOptions) {
  let parts: Buffer[] = []
  let size = 0

  const take = (part: Buffer) => {
    size += part.length
    if (size > maxBytes) {
      parts = []
      stream.removeListener('data', read)
      stream.resume()
      onOverflow()
      return false
    }
    parts.push(part)
    return true
  }

  const read = (chunk: Buffer) => {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      if (!take(chunk.subarray(start, end))) return
      const line = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      parts = []
      size = 0
      start = end + 1
      onLine(line.toString('utf8'))
    }
    if (start < chunk.length) take(chunk.subarray(start))
  }
  stream.on('data', read)
}
