import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { Kysely } from '#kysely'
import type { StatementError } from './database.ts'
import { StoreConflict, storeUnavailable } from './errors.ts'
import { openLink, type Link } from './link.ts'
import { createDialect } from './sqlite-dialect.ts'
import {
  createEventBell,
  toStatement,
  type Store,
  type StoreChange,
  type Tables
} from './tables.ts'

/** SQLite's result codes (sqlite.org/rescode.html) that the operator can act on, with the next step. */
const hints: ReadonlyArray<readonly [RegExp, string]> = [
  [/^SQLITE_FULL/, 'Free space on the disk of the store. The server then continues by itself.'],
  [
    /^SQLITE_(READONLY|PERM|CANTOPEN)/,
    'Make the folder of the store writable. The server then continues by itself.'
  ],
  [
    /^SQLITE_IOERR/,
    'Check the disk of the store. The server continues by itself when writes succeed.'
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'The file is damaged. Stop the server, replace the file by a backup, and start again.'
  ]
]

const hintOf = (code: string) => hints.find(([pattern]) => pattern.test(code))?.[1]

/** Errors of a query or its values are defects of this server. All others mean that the store does not work. */
const isStoreFailure = ({ code = '' }: Partial<StatementError>) =>
  code.startsWith('SQLITE_') && !/^SQLITE_(CONSTRAINT|MISMATCH|MISUSE|RANGE)/.test(code)

/** Creates the function that translates the errors of SQLite to store_unavailable. */
const createTranslation = (file: string) => (error: unknown) => {
  const { code, message } = error as StatementError
  const cause = error instanceof Error ? error : Object.assign(new Error(message), { code })
  if (code === 'FILE_LOST') {
    return storeUnavailable(
      `The file of the store, ${file}, was ${message} while the server used it`,
      'Restart the server. Operations that are under way continue from the file that is there then.'
    )
  }
  if (code === 'CONFLICT' || /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)/.test(code)) {
    return new StoreConflict(message, { cause })
  }
  if (!isStoreFailure(cause as Partial<StatementError>)) return cause
  return storeUnavailable(`The store cannot be used: ${message}`, hintOf(code), cause)
}

async function openFile (file: string): Promise<Link> {
  try {
    return await openLink(file)
  } catch (error) {
    const { code = '', message } = error as Partial<StatementError> & { message: string }
    if (code === 'SQLITE_BUSY' || /locked/.test(message)) {
      throw new Error(
        `The store ${file} is in use by another server. Stop that server, or set another store.file`
      )
    }
    const hint = hintOf(code)
    throw new Error(
      `The store ${file} cannot be opened: ${message}${hint === undefined ? '' : `. ${hint}`}`
    )
  }
}

/** Opens a store on SQLite. Throws an Error if the file cannot be used or another server uses it. */
export async function openSqlite (file: string): Promise<Store> {
  if (file !== ':memory:') mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const link = await openFile(file)
  const translate = createTranslation(file)
  const { dialect, gate } = createDialect(link, translate)
  const { onEvent, ring } = createEventBell()
  return Object.assign(new Kysely<Tables>({ dialect }), {
    kind: 'sqlite' as const,
    onEvent,
    async commit (changes: readonly StoreChange[]) {
      const statements = changes.map(toStatement)
      for (let open = gate.closed(); open !== undefined; open = gate.closed()) await open
      try {
        await link.commit(statements)
      } catch (error) {
        throw translate(error)
      }
      ring(statements)
    }
  })
}
