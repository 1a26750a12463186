import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Settings, StoreSettings } from './config/index.ts'
import { CommandError } from './callers.ts'
import { copyStore } from './plugins/store/copy.ts'
import { migrateJobs } from './plugins/jobs/tables.ts'
import { migrateStore, openStore, openUnmigrated, placeOf } from './plugins/store/open.ts'

export interface StoreOptions {
  url?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

/** Seconds for one statement, and for the transaction of a copy: 12 hours. */
const commandTimeout = 43_200

/** Reads the place of a store: the path of a file, or a URL. The messages have no URL, since it may have a password. */
function readStore (option: string, text: string | undefined): StoreSettings {
  if (text === undefined || text === '') {
    throw new CommandError(
      `--${option} is missing; expected the path of a SQLite file, or postgres://user@host:5432/database`
    )
  }
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) {
    return { url: text, pool_size: 2, statement_timeout: commandTimeout }
  }
  if (text.includes('://')) {
    throw new CommandError(`--${option} is no valid URL; expected postgres://user@host:5432/database`)
  }
  return { file: path.resolve(text) }
}

/** Migrates the store of the settings, or that of `--url`. Returns what to print. */
async function migrate (
  readSettings: () => Promise<Settings>,
  url: string | undefined
): Promise<string> {
  const settings = url === undefined ? (await readSettings()).store : readStore('url', url)
  const place = placeOf(settings)
  if (place === ':memory:') throw new CommandError('The store is in memory and has nothing to migrate')
  const done = await migrateStore(settings)
  if (settings.url !== undefined) await migrateJobs(settings)
  return done.length === 0
    ? `The store ${place} has the schema of this version already`
    : `The store ${place} was migrated: ${done.join(', ')}`
}

/** Opens the store to copy from, without a change of it. */
async function openSource (settings: StoreSettings) {
  const place = placeOf(settings)
  if (settings.file !== undefined && !existsSync(settings.file)) {
    throw new CommandError(`The file ${place} of --from does not exist`)
  }
  const { store, pending } = await openUnmigrated(settings)
  if (pending.length === 0) return { store, place }
  await store.destroy()
  throw new CommandError(
    `The store ${place} has the schema of an earlier version. Back it up, and migrate it: orchestrator store migrate`
  )
}

/** Copies all that a store keeps to an empty one. Returns what to print. */
async function copy ({ from, to }: StoreOptions): Promise<string> {
  const source = readStore('from', from)
  const target = readStore('to', to)
  const opened = await openSource(source)
  try {
    const store = await openStore(target)
    try {
      const counts = await copyStore(opened, { store, place: placeOf(target) })
      const width = Math.max(...Object.values(counts).map((count) => String(count).length))
      const lines = Object.entries(counts).map(([table, count]) => `${String(count).padStart(width)}  ${table}`)
      return [...lines, `The store ${opened.place} was copied to ${placeOf(target)}`].join('\n')
    } finally {
      await store.destroy()
    }
  } finally {
    await opened.store.destroy()
  }
}

/**
 * Runs `store migrate` or `store copy`. `readSettings` reads the settings where they are needed. Returns what to print.
 * Throws an Error that says what to do.
 */
export async function runStoreCommand (
  readSettings: () => Promise<Settings>,
  command: string,
  options: StoreOptions
): Promise<string> {
  if (command === 'migrate') return migrate(readSettings, options.url)
  if (command !== 'copy') {
    throw new CommandError(`Unknown command "store ${command}"; expected store migrate or store copy`)
  }
  try {
    return await copy(options)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`The store was not copied: ${(error as Error).message}`)
  }
}
