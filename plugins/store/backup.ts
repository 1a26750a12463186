import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { sql } from 'kysely'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Store } from './tables.ts'

/**
 * Writes a copy of the store to a new file of mode 0600, with VACUUM INTO: consistent, also while the server writes.
 * Throws already_exists if the file exists, store_unavailable if it cannot be written.
 */
export async function backupStore (store: Store, file: string) {
  if (existsSync(file)) {
    throw new ProblemError('already_exists', `The file ${file} exists already`, { hint: 'Choose another file name.' })
  }
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  // SQLite creates the file during this call, which is synchronous, so that no other file gets this mode.
  const umask = process.umask(0o177)
  try {
    await sql`vacuum into ${file}`.execute(store)
  } finally {
    process.umask(umask)
  }
}
