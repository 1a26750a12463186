import { once } from 'node:events'
import { appendFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { AuditEntry } from '../../openapi/model/index.ts'

export interface AuditFile {
  write(entry: AuditEntry): void
  close(): Promise<void>
}

const toLine = (entry: AuditEntry) => `${JSON.stringify(entry)}\n`

/** Adds one entry to the file, for a command that runs without a server. Throws the error of the file system. */
export function appendToAuditFile (file: string, entry: AuditEntry) {
  mkdirSync(path.dirname(file), { recursive: true })
  appendFileSync(file, toLine(entry), { mode: 0o600 })
}

/**
 * Opens a file of JSON lines, of mode 0600, and adds to its end. On SIGHUP it is opened again, so that logrotate can
 * rename it. Throws an Error if the file cannot be opened.
 */
export async function openAuditFile (file: string, log: FastifyBaseLogger): Promise<AuditFile> {
  const { SonicBoom } = (await import('sonic-boom')).default
  const stream = new SonicBoom({ dest: file, append: true, mkdir: true, mode: 0o600, sync: false })
  await once(stream, 'ready')
  stream.on('error', (err) => log.error({ err, file }, 'the file of the audit cannot be written'))
  const reopen = () => stream.reopen()
  process.on('SIGHUP', reopen)
  return {
    write (entry) {
      stream.write(toLine(entry))
    },
    async close () {
      process.off('SIGHUP', reopen)
      stream.end()
      await once(stream, 'close')
    }
  }
}
