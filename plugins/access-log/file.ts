import { once } from 'node:events'

/** Bytes of lines that wait in memory while the disk does not take them. Later lines are dropped and counted. */
const maxWaiting = 16 * 1024 * 1024

/** A log that can be rotated. */
export interface LogFile {
  write(line: string): void
  /** Continues in a new file of the same name. No line is lost or split: earlier ones go to the earlier file. */
  reopen(): Promise<void>
  /** Resolves when all lines are in the file. */
  close(): Promise<void>
}

/**
 * Opens a file, of mode 0640 if it is new, and adds to its end without waiting for the disk. `report` receives a
 * sentence for each begin of a failure. Throws an Error that says what to do if the file cannot be opened.
 */
export async function openLogFile (
  file: string,
  report: (message: string) => void
): Promise<LogFile> {
  // Loaded here, because most servers log to stdout only.
  const { SonicBoom } = (await import('sonic-boom')).default

  const open = async () => {
    const stream = new SonicBoom({
      dest: file,
      append: true,
      mode: 0o640,
      sync: false,
      maxLength: maxWaiting
    })
    await once(stream, 'ready')
    let isFailing = false
    let dropped = 0
    stream.on('error', (error: Error) => {
      if (!isFailing) {
        report(
          `The log ${file} cannot be written: ${error.message}. Free space, or correct the folder`
        )
      }
      isFailing = true
    })
    stream.on('drop', () => {
      dropped++
    })
    stream.on('drain', () => {
      if (isFailing) report(`The log ${file} can be written again; ${dropped} lines were lost`)
      isFailing = false
      dropped = 0
    })
    return stream
  }

  let stream = await open().catch((error: Error) => {
    throw new Error(
      `The log ${file} cannot be opened: ${error.message}. Name a file in a folder that exists and ` +
        'that this user may write'
    )
  })

  const end = async (earlier: typeof stream) => {
    earlier.end()
    // If the last lines cannot be written, the report has said so.
    await once(earlier, 'close').catch(() => {})
  }

  const reopen = async () => {
    // SonicBoom.reopen() closes the earlier file twice if an attempt before has failed, so open a second stream.
    try {
      const next = await open()
      const earlier = stream
      stream = next
      await end(earlier)
    } catch (error) {
      report(
        `The log ${file} cannot be opened again: ${
          (error as Error).message
        }. The earlier file stays in use`
      )
    }
  }

  // One after the other: a second signal, or the end of the server, may come during the first.
  let last = Promise.resolve()
  return {
    write (line) {
      stream.write(line)
    },
    reopen () {
      last = last.then(reopen)
      return last
    },
    async close () {
      await last
      await end(stream)
    }
  }
}
