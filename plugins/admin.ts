import { chmodSync, rmSync } from 'node:fs'
import path from 'node:path'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { sendProblem } from './errors.ts'
import { backupStore } from './store/backup.ts'

/** The Unix socket of the server that uses this store; undefined for a store in memory. */
export const adminSocketOf = (storeFile: string) =>
  storeFile === ':memory:' ? undefined : path.join(path.dirname(path.resolve(storeFile)), 'orchestrator.sock')

const BackupRequest = Type.Object({ file: Type.String({ minLength: 1 }) }, { additionalProperties: false })

/**
 * Serves the commands that need the running server, on a Unix socket of mode 0600. The lock of the store, which is
 * already open, proves that no other server uses the socket: a socket that a crash left behind is removed.
 */
export default fp(async (fastify, { storeFile }: { storeFile: string }) => {
  const socket = adminSocketOf(storeFile)
  if (socket === undefined) return
  const admin = Fastify({ logger: false })
  admin.setErrorHandler(sendProblem)
  admin.post<{ Body: { file: string } }>('/backup', { schema: { body: BackupRequest } }, async ({ body: { file } }) => {
    await backupStore(fastify.store, file)
    fastify.log.info({ file }, 'the store was copied')
    return { file }
  })
  fastify.addHook('onClose', () => admin.close())
  try {
    rmSync(socket, { force: true })
    await admin.listen({ path: socket })
    chmodSync(socket, 0o600)
  } catch (err) {
    fastify.log.warn({ err, socket }, 'the server accepts no commands such as backup: its socket cannot be used')
  }
}, { name: 'admin', dependencies: ['store'] })
