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
    /** The first answer as JSON; null while it is not known. */
    answer: string | null
    created_at: string
  }
  cursors: { id: string, content: string, created_at: string }
}

export type Store = Kysely<Tables>

/** Opens the file and brings its schema up to date. Throws where it cannot be written or another server has it. */
export async function openStore (file: string): Promise<Store> {
  if (file !== ':memory:') mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  let database
  try {
    database = new Database(file)
    // Two servers on one file would take up each other's operations.
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    // What has been accepted must outlive a power cut too: then a node exists that only this row knows.
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // What is not kept any more is not left in the file either.
    database.pragma('secure_delete = ON')
    // User data may hold secrets of its user.
    if (file !== ':memory:') chmodSync(file, 0o600)
  } catch (error) {
    const { code, message } = error as { code?: string, message: string }
    if (code === 'SQLITE_BUSY' || /locked/.test(message)) {
      throw new Error(`The store ${file} is in use by another server; stop that one, or give this one a store.file of its own`)
    }
    throw new Error(`The store ${file} cannot be opened: ${message}`)
  }
  const store = new Kysely<Tables>({ dialect: new SqliteDialect({ database: releasing(database) }) })
  const { error } = await new Migrator({ db: store, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error !== undefined) throw error
  return store
}

/** Gives its lock back when it is closed: libsql itself does so only once its statements have been collected as garbage. */
function releasing (database: Database.Database): SqliteDatabase {
  return {
    prepare: (sql) => database.prepare(sql) as unknown as ReturnType<SqliteDatabase['prepare']>,
    close () {
      try {
        // A lock that was taken before WAL is kept as long as there is WAL.
        database.pragma('journal_mode = DELETE')
        database.pragma('locking_mode = NORMAL')
        database.prepare('select count(*) from sqlite_master').get()
      } catch { /* the file has been taken away: there is no lock to give back */ }
      database.close()
    }
  }
}

const minute = 60_000
export const keptKeys = 24 * 60 * minute
export const keptCursors = 15 * minute

/** What must survive: operations, idempotency keys, long cursors. Ended and old rows are purged at start and each hour. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const store = await openStore(settings.store.file)
  fastify.decorate('store', store)

  const purge = async () => {
    const before = (ms: number) => new Date(Date.now() - ms).toISOString()
    const kept = settings.operations.keep_days * 24 * 60 * minute
    await store.deleteFrom('operations').where('finished_at', '<', before(kept)).execute()
    await store.deleteFrom('idempotency_keys').where('created_at', '<', before(keptKeys)).execute()
    await store.deleteFrom('cursors').where('created_at', '<', before(keptCursors)).execute()
  }
  await purge()
  const timer = setInterval(() => purge().catch((err: unknown) => fastify.log.error({ err }, 'the store could not be purged')), 60 * minute)
  timer.unref()

  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await store.destroy()
  })
}, { name: 'store' })
