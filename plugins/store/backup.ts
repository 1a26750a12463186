import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import path from 'node:path'
import { sql } from '#kysely'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Store } from './tables.ts'

/**
 * Writes a copy of the store to a new file of mode 0600, with VACUUM INTO: consistent, also while the server writes.
 * Throws already_exists if the file exists, store_unavailable if it cannot be written.
 */
export async function backupStore (store: Store, file: string) {
  if (existsSync(file)) {
    throw new ProblemError('already_exists', `The file ${file} exists already`, {
      hint: 'Choose another file name.'
    })
  }
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  // SQLite writes into a file that is empty, and leaves its mode.
  closeSync(openSync(file, 'wx', 0o600))
  try {
    await sql`vacuum into ${file}`.execute(store)
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  }
}
