import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { StoreSettings } from '../../config/index.ts'
import { findProgram } from '../labs/postgres/process.ts'

/** The cluster of `npm run test:postgres`, on which tests then have their stores. Undefined for SQLite. */
const clusterUrl = process.env['TEST_POSTGRES_URL']

/** Whether the stores of tests are on PostgreSQL. */
export const usesPostgres = clusterUrl !== undefined

/** The database that each test has a copy of. Its schema is that of the present version. */
export const template = 'orchestrator_template'

const databases = new Map<string, string>()

const runProgram = (name: string, args: readonly string[]) =>
  execFileSync(findProgram(name, 'postgresql'), args, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 30 })

export const nameOf = (url: string) => path.basename(new URL(url).pathname)

/** A test removes its folder at its end, and no longer needs the database then. */
function dropUnused () {
  for (const [directory, url] of databases) {
    if (existsSync(directory)) continue
    runProgram('dropdb', ['--maintenance-db', clusterUrl!, '--force', nameOf(url)])
    databases.delete(directory)
  }
}

let made = 0

/**
 * Returns the URL of the database that belongs to a folder of a test, as a file of SQLite would be in it. The first
 * call makes it. Undefined if the stores of tests are on SQLite.
 */
export function databaseOf (directory: string): string | undefined {
  if (clusterUrl === undefined) return undefined
  const known = databases.get(directory)
  if (known !== undefined) return known
  dropUnused()
  const url = new URL(clusterUrl)
  url.pathname = `/test_${process.pid}_${++made}`
  const options = ['--maintenance-db', clusterUrl, '--template', template, '--strategy', 'file_copy']
  runProgram('createdb', [...options, nameOf(url.href)])
  // Each store has an id of its own.
  const newId = "update store_info set value = gen_random_uuid() where name = 'id'"
  runProgram('psql', ['--no-psqlrc', '--quiet', '--command', newId, url.href])
  databases.set(directory, url.href)
  return url.href
}

/** The store of a server whose folder this is, and which has default settings. */
export function storeIn (directory: string): StoreSettings {
  const url = databaseOf(directory)
  return url === undefined
    ? { file: path.join(directory, 'data/orchestrator.db') }
    : { url, pool_size: 2, statement_timeout: 10 }
}

/** All that the store of a server in this folder has on disk, as text in which a secret would be found. */
export function readStoreContent (directory: string): string {
  const url = databaseOf(directory)
  if (url !== undefined) return runProgram('pg_dump', [url])
  const folder = path.join(directory, 'data')
  // SQLite removes its second file when it closes the first.
  return readdirSync(folder).map((name) => path.join(folder, name)).filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1')).join('')
}
