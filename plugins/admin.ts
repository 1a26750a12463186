import { chmodSync, existsSync, realpathSync, rmSync } from 'node:fs'
import path from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type, type Static } from '#typebox'
import type { Settings, StoreSettings } from '../config/index.ts'
import type { ApiKeyCreate, Grant } from '../openapi/model/index.ts'
import { localCaller, toCallerRef } from './auth/caller.ts'
import { createUsers } from './auth/users.ts'
import { sendProblem } from './errors.ts'
import { serverOptions } from './http/index.ts'
import { backupStore } from './store/backup.ts'

/**
 * The Unix socket of the server that uses this store, beside its file: `orchestrator.db.sock`. Links to the file lead
 * to the same socket. Undefined for a store in memory, and on PostgreSQL, which commands use beside the servers.
 */
export function adminSocketOf ({ file: storeFile }: StoreSettings): string | undefined {
  if (storeFile === undefined || storeFile === ':memory:') return undefined
  const file = existsSync(storeFile) ? realpathSync(storeFile) : path.resolve(storeFile)
  return `${file}.sock`
}

const BackupRequest = Type.Object({ file: Type.String({ minLength: 1 }) }, {
  additionalProperties: false
})
const NamedRequest = Type.Object({ name: Type.String({ minLength: 1 }) })
const PasswordRequest = Type.Object({
  ...NamedRequest.properties,
  password: Type.String({ minLength: 1 })
})
type PasswordRequest = Static<typeof PasswordRequest>

/** The commands of the socket. The client, a command of the same package, has checked their input. */
function addCommands (
  admin: FastifyInstance,
  { store, audit, auth: { keys }, log }: FastifyInstance
) {
  const users = createUsers(store)

  admin.post<{ Body: { file: string } }>(
    '/backup',
    { schema: { body: BackupRequest } },
    async ({ body: { file } }) => {
      await backupStore(store, file)
      log.info({ file }, 'the store was copied')
      return { file }
    }
  )

  admin.get<{ Querystring: { after?: string } }>(
    '/keys',
    async ({ query: { after } }) => keys.list(1000, after)
  )
  admin.post<{ Body: ApiKeyCreate }>(
    '/keys',
    { schema: { body: NamedRequest } },
    async ({ body }) =>
      audit.command({
        action: 'keys.create',
        name: body.name,
        run: () => keys.create(body, toCallerRef(localCaller))
      })
  )
  admin.delete<{ Params: { key: string } }>(
    '/keys/:key',
    async ({ params: { key: name } }) =>
      audit.command({ action: 'keys.revoke', name, run: () => keys.revoke(name) })
  )

  admin.get('/users', async () => users.list())
  admin.post<{ Body: PasswordRequest & { grants: Grant[] } }>(
    '/users',
    { schema: { body: PasswordRequest } },
    async ({ body }) =>
      audit.command({ action: 'users.create', name: body.name, run: () => users.create(body) })
  )
  admin.post<{ Body: PasswordRequest }>(
    '/passwords',
    { schema: { body: PasswordRequest } },
    async ({ body: { name, password } }) =>
      audit.command({
        action: 'users.password',
        name,
        run: () => users.setPassword(name, password)
      })
  )
  admin.delete<{ Params: { name: string } }>(
    '/users/:name',
    async ({ params: { name } }) =>
      audit.command({ action: 'users.remove', name, run: () => users.remove(name) })
  )
}

/**
 * Serves the commands that need the running server, on a Unix socket of mode 0600. The lock of the store, which is
 * already open, proves that no other server uses the socket: a socket that a crash left behind is removed.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const socket = adminSocketOf(settings.store)
  if (socket === undefined) return
  // With Fastify's own compilers it would load and start a second Ajv, and one that serializes.
  const admin = Fastify({ logger: false, schemaController: serverOptions.schemaController! })
  admin.setErrorHandler(sendProblem)
  addCommands(admin, fastify)
  fastify.addHook('onClose', () => admin.close())
  try {
    rmSync(socket, { force: true })
    await admin.listen({ path: socket })
    chmodSync(socket, 0o600)
  } catch (err) {
    fastify.log.warn(
      { err, socket },
      'the server accepts no commands such as backup: its socket cannot be used'
    )
  }
}, { name: 'admin', dependencies: ['store', 'auth', 'audit'] })
