import { once } from 'node:events'
import type { FastifyBaseLogger } from 'fastify'
import type { AuditEntry } from '../../openapi/model/index.ts'

export interface AuditFile {
  write (entry: AuditEntry): void
  close (): Promise<void>
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
    write (entry) { stream.write(`${JSON.stringify(entry)}\n`) },
    async close () {
      process.off('SIGHUP', reopen)
      stream.end()
      await once(stream, 'close')
    }
  }
}
