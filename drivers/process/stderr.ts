import type { Readable } from 'node:stream'

/** The number of lines that are logged in one second. */
const maxLines = 100
/** The number of bytes that are read in one second. Then the process waits, so that a flood costs no time here. */
const maxBytes = 1_048_576
const maxLineLength = 4000

export interface StderrOptions {
  onLine(line: string): void
  /** Reports the number of lines of the last second that were not logged. */
  onSkipped(lines: number): void
}

/** Logs the lines of stderr, at most 100 in a second and at most 4000 characters of each. */
export function readStderr (stream: Readable, { onLine, onSkipped }: StderrOptions) {
  let rest = ''
  let lines = 0
  let bytes = 0
  let timer: NodeJS.Timeout | undefined

  const endSecond = () => {
    timer = undefined
    if (lines > maxLines) onSkipped(lines - maxLines)
    lines = 0
    bytes = 0
    stream.resume()
  }

  const log = (line: string) => {
    if (line.trim() === '') return
    lines++
    if (lines <= maxLines) onLine(line.slice(0, maxLineLength))
  }

  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    timer ??= setTimeout(endSecond, 1000)
    bytes += text.length
    const parts = (rest + text).split('\n')
    rest = parts.pop()!.slice(0, maxLineLength)
    for (const part of parts) log(part)
    if (bytes > maxBytes) stream.pause()
  })
  stream.on('close', () => {
    clearTimeout(timer)
    log(rest)
    if (lines > maxLines) onSkipped(lines - maxLines)
  })
}
