import { chmodSync, statSync } from 'node:fs'
import Database from 'libsql'

/** One statement of SQL with its parameters. */
export interface Statement {
  sql: string
  parameters: readonly unknown[]
}

/** A statement of a commit, with the number of rows that it must change. */
interface ExpectingStatement extends Statement {
  expects?: number | undefined
}

export interface StatementResult {
  rows: unknown[]
  changes: number
  lastId: number | bigint
}

/** An error in a form that passes between threads. */
export interface StatementError {
  /** The code of SQLite, `FILE_LOST`, or `CONFLICT` if a statement changed other rows than it expects. */
  code: string
  message: string
}

/** Runs statements on one SQLite file, each call to its end before the next. Throws StatementErrors. */
export interface SyncDatabase {
  run(statement: Statement): StatementResult
  /**
   * Runs groups of statements and commits them together: the disk is synced once. Returns the error of each group,
   * whose statements are then undone; undefined if it was committed.
   */
  commit(groups: readonly (readonly ExpectingStatement[])[]): (StatementError | undefined)[]
  close(): void
}

const toError = (error: unknown): StatementError => {
  const { code, message } = error as { code?: string, message: string }
  return { code: code ?? 'UNKNOWN', message }
}

/** Returns a function that throws if the file at this path is no longer the one that was opened. */
function createFileCheck (file: string) {
  if (file === ':memory:') return () => {}
  const { dev, ino } = statSync(file)
  return () => {
    const now = statSync(file, { throwIfNoEntry: false })
    if (now?.ino === ino && now.dev === dev) return
    throw Object.assign(new Error(now === undefined ? 'deleted' : 'replaced'), {
      code: 'FILE_LOST'
    })
  }
}

function open (file: string) {
  const database = new Database(file)
  try {
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
    database.close()
    throw error
  }
}

/** Prepared statements to remember. The texts of queries are few; those of filters vary. */
const maxPrepared = 200

/** Opens a file, and creates it if it does not exist. */
export function openDatabase (file: string): SyncDatabase {
  const database = open(file)
  const checkFile = createFileCheck(file)
  const prepared = new Map<string, Database.Statement>()

  const prepare = (sql: string) => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    if (prepared.size >= maxPrepared) prepared.clear()
    prepared.set(sql, statement)
    return statement
  }

  const execute = ({ sql, parameters }: Statement): StatementResult => {
    // A change of the schema, a setting or a transaction is not repeated.
    const isKept = /^(?:select|insert|update|delete|replace)\b/i.test(sql)
    const statement = isKept ? prepare(sql) : database.prepare(sql)
    if (statement.reader) return { rows: statement.all(...parameters), changes: 0, lastId: 0 }
    const { changes, lastInsertRowid } = statement.run(...parameters)
    return { rows: [], changes, lastId: lastInsertRowid }
  }

  const commands = new Map<string, Database.Statement>()

  /** Runs a command of a transaction. Its text is parsed once. */
  const command = (sql: string) => {
    const statement = commands.get(sql) ?? database.prepare(sql)
    commands.set(sql, statement)
    statement.run()
  }

  /** After a full disk SQLite has rolled back by itself. The error that caused that is the one to report. */
  const rollback = () => {
    try {
      command('rollback')
    } catch { /* rolled back already */ }
  }

  const executeExpecting = (statement: ExpectingStatement) => {
    const { changes } = execute(statement)
    if (statement.expects === undefined || statement.expects === changes) return
    throw Object.assign(new Error(statement.sql), { code: 'CONFLICT' })
  }

  const runGroup = (group: readonly ExpectingStatement[]): StatementError | undefined => {
    command('savepoint one')
    try {
      for (const statement of group) executeExpecting(statement)
      command('release one')
      return undefined
    } catch (error) {
      command('rollback to one')
      command('release one')
      return toError(error)
    }
  }

  /** A group alone needs no savepoint: the transaction is its own. */
  const runGroups = (groups: readonly (readonly ExpectingStatement[])[]) => {
    if (groups.length > 1) return groups.map(runGroup)
    for (const statement of groups.flat()) executeExpecting(statement)
    return [undefined]
  }

  return {
    run (statement) {
      if (/^begin/i.test(statement.sql)) checkFile()
      try {
        return execute(statement)
      } catch (error) {
        if (/^rollback/i.test(statement.sql)) return { rows: [], changes: 0, lastId: 0 }
        throw error
      }
    },
    commit (groups) {
      try {
        checkFile()
        command('begin immediate')
        const errors = runGroups(groups)
        command('commit')
        return errors
      } catch (error) {
        rollback()
        return groups.map(() => toError(error))
      }
    },
    close () {
      try {
        // SQLite keeps an exclusive lock as long as the journal is a WAL. libsql closes only after garbage collection.
        prepared.clear()
        commands.clear()
        database.pragma('journal_mode = DELETE')
        database.pragma('locking_mode = NORMAL')
        database.prepare('select count(*) from sqlite_master').get()
      } catch { /* the file was removed, so there is no lock */ }
      database.close()
    }
  }
}
