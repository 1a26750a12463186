import { chmodSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import fp from 'fastify-plugin'
import { Kysely, Migrator, SqliteDialect, type SqliteDatabase } from 'kysely'
import Database from 'libsql'
import type { Settings } from '../../config/index.ts'
import { migrations } from './migrations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    store: Store
  }
}

export interface Tables {
  operations: {
    id: string
    kind: string
    status: string
    cloud: string
    created_at: string
    finished_at: string | null
    /** The rest of the operation, as JSON. */
    content: string
  }
  operation_resources: { operation_id: string, self: string, resource_id: string }
  idempotency_keys: {
    key: string
    fingerprint: string
    operation_id: string | null
    /** The first answer as JSON; null until there is one. */
    answer: string | null
    created_at: string
  }
  cursors: { id: string, content: string, created_at: string }
}

export type Store = Kysely<Tables>

/** Opens the store and migrates its schema. Throws if the file cannot be written or another server uses it. */
export async function openStore (file: string): Promise<Store> {
  if (file !== ':memory:') mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  let database
  try {
    database = new Database(file)
    // Two servers on one file would continue each other's operations.
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    // An accepted operation must survive a power failure, because only its row knows that the node exists.
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // Deleted rows must not remain readable in the file.
    database.pragma('secure_delete = ON')
    // User data may contain secrets.
    if (file !== ':memory:') chmodSync(file, 0o600)
  } catch (error) {
    const { code, message } = error as { code?: string, message: string }
    if (code === 'SQLITE_BUSY' || /locked/.test(message)) {
      throw new Error(`The store ${file} is in use by another server. Stop that server, or set another store.file`)
    }
    throw new Error(`The store ${file} cannot be opened: ${message}`)
  }
  const store = new Kysely<Tables>({ dialect: new SqliteDialect({ database: releaseOnClose(database) }) })
  const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return store
}

/** Releases the lock on close. libsql itself releases it only after its statements have been garbage collected. */
function releaseOnClose (database: Database.Database): SqliteDatabase {
  return {
    prepare: (sql) => database.prepare(sql) as unknown as ReturnType<SqliteDatabase['prepare']>,
    close () {
      try {
        // SQLite keeps an exclusive lock as long as the journal is a WAL.
        database.pragma('journal_mode = DELETE')
        database.pragma('locking_mode = NORMAL')
        database.prepare('select count(*) from sqlite_master').get()
      } catch { /* the file was removed, so there is no lock */ }
      database.close()
    }
  }
}

const minute = 60_000
export const keyRetention = 24 * 60 * minute
export const cursorRetention = 15 * minute

/** Keeps operations, idempotency keys and long cursors. Purges old rows at the start and every hour. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const store = await openStore(settings.store.file)
  fastify.decorate('store', store)

  const purge = async () => {
    const before = (ms: number) => new Date(Date.now() - ms).toISOString()
    const kept = settings.operations.keep_days * 24 * 60 * minute
    await store.deleteFrom('operations').where('finished_at', '<', before(kept)).execute()
    await store.deleteFrom('idempotency_keys').where('created_at', '<', before(keyRetention)).execute()
    await store.deleteFrom('cursors').where('created_at', '<', before(cursorRetention)).execute()
  }
  await purge()
  const purgeOrLog = () => purge().catch((err: unknown) => fastify.log.error({ err }, 'the store could not be purged'))
  const timer = setInterval(purgeOrLog, 60 * minute)
  timer.unref()

  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await store.destroy()
  })
}, { name: 'store' })
