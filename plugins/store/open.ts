import { chmodSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { Kysely, Migrator, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely'
import Database from 'libsql'
import { ProblemError } from '../../openapi/model/index.ts'
import { migrations } from './migrations.ts'
import type { Store, Tables } from './tables.ts'

interface SqliteError extends Error {
  code?: string
}

/** SQLite's result codes (sqlite.org/rescode.html) that the operator can act on, with the next step. */
const hints: ReadonlyArray<readonly [RegExp, string]> = [
  [/^SQLITE_FULL/, 'Free space on the disk of the store. The server then continues by itself.'],
  [/^SQLITE_(READONLY|PERM|CANTOPEN)/, 'Make the folder of the store writable. The server then continues by itself.'],
  [/^SQLITE_IOERR/, 'Check the disk of the store. The server continues by itself when writes succeed.'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'The file is damaged. Stop the server, replace the file by a backup, and start again.']
]

const hintOf = (code: string) => hints.find(([pattern]) => pattern.test(code))?.[1]

/** Errors of a query or its values are defects of this server. All others mean that the store does not work. */
const isStoreFailure = ({ code = '' }: SqliteError) =>
  code.startsWith('SQLITE_') && !/^SQLITE_(CONSTRAINT|MISMATCH|MISUSE|RANGE)/.test(code)

const unavailable = (detail: string, hint?: string, cause?: unknown) =>
  new ProblemError('store_unavailable', detail, { retry_after: 2, cause, hint })

function toStoreError (error: unknown) {
  const failure = error as SqliteError
  if (!isStoreFailure(failure)) return error
  return unavailable(`The store cannot be used: ${failure.message}`, hintOf(failure.code!), error)
}

/** Translates SQLite's errors to store_unavailable. */
function translateErrors (statement: SqliteStatement, sql: string, check: () => void): SqliteStatement {
  const attempt = <T>(run: () => T) => {
    try {
      return run()
    } catch (error) {
      throw toStoreError(error)
    }
  }
  const isBegin = /^begin/i.test(sql)
  const isRollback = /^rollback/i.test(sql)
  return {
    reader: statement.reader,
    all: (parameters) => attempt(() => statement.all(parameters)),
    iterate: (parameters) => attempt(() => statement.iterate(parameters)),
    run (parameters) {
      if (isBegin) check()
      try {
        return statement.run(parameters)
      } catch (error) {
        // After a full disk SQLite has rolled back by itself. The error that caused the rollback is the one to report.
        if (isRollback) return { changes: 0, lastInsertRowid: 0 }
        throw toStoreError(error)
      }
    }
  }
}

/** Returns a function that throws if the file at this path is no longer the one that was opened. */
function createFileCheck (file: string) {
  if (file === ':memory:') return () => {}
  const { dev, ino } = statSync(file)
  return () => {
    const now = statSync(file, { throwIfNoEntry: false })
    if (now?.ino === ino && now.dev === dev) return
    const event = now === undefined ? 'deleted' : 'replaced'
    throw unavailable(`The file of the store, ${file}, was ${event} while the server used it`,
      'Restart the server. Operations that are under way continue from the file that is there then.')
  }
}

/** Adapts a libsql database to Kysely. Releases the lock on close, which libsql does only after garbage collection. */
function adapt (database: Database.Database, check: () => void): SqliteDatabase {
  return {
    prepare (sql) {
      try {
        return translateErrors(database.prepare(sql) as unknown as SqliteStatement, sql, check)
      } catch (error) {
        throw toStoreError(error)
      }
    },
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

function openDatabase (file: string) {
  let database: Database.Database | undefined
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
    return database
  } catch (error) {
    database?.close()
    const { code = '', message } = error as SqliteError
    if (code === 'SQLITE_BUSY' || /locked/.test(message)) {
      throw new Error(`The store ${file} is in use by another server. Stop that server, or set another store.file`)
    }
    const hint = hintOf(code)
    throw new Error(`The store ${file} cannot be opened: ${message}${hint === undefined ? '' : `. ${hint}`}`)
  }
}

/** Opens the store and migrates its schema. Throws an Error if the file cannot be used or another server uses it. */
export async function openStore (file: string): Promise<Store> {
  if (file !== ':memory:') mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const database = openDatabase(file)
  const dialect = new SqliteDialect({ database: adapt(database, createFileCheck(file)) })
  const store = new Kysely<Tables>({ dialect })
  const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return store
  await store.destroy()
  const { message, details } = error as ProblemError
  // Kysely has no code for this (kysely/src/migration/migrator.ts, ensureNoMissingMigrations).
  const [, later] = /previously executed migration (\S+) is missing/.exec(message) ?? []
  if (later !== undefined) {
    throw new Error(`The store ${file} was changed by a later version of this server (${later}). Start that version, ` +
      'or restore the backup that was made before the upgrade')
  }
  throw new Error(`The store ${file} cannot be migrated: ${message}${details === undefined ? '' : `. ${details.hint}`}`)
}
