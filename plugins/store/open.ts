import { Migrator, sql, type Migration } from '#kysely'
import type { PostgresSettings, StoreSettings } from '../../config/index.ts'
import type { ProblemError } from '../../openapi/model/index.ts'
import { migrations as ownMigrations } from './migrations.ts'
import { describeUrl, isPooled, openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './tables.ts'

type Migrations = Readonly<Record<string, Migration>>

/** The message of an error, with what to do. */
const explain = ({ message, details }: Error & Partial<ProblemError>) =>
  details?.hint === undefined ? message : `${message.replace(/\.$/, '')}. ${details.hint}`

/** The names of the migrations that were executed on a store, in their order. */
async function executedMigrations (store: Store): Promise<string[]> {
  const tables = await store.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === 'kysely_migration')) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`
    .execute(store)
  return rows.map(({ name }) => name)
}

/**
 * Returns the migrations of this version that a store needs. Throws an Error if a later version has changed it so that
 * this version cannot use it.
 */
async function pendingMigrations (store: Store, place: string, migrations: Migrations) {
  const executed = await executedMigrations(store)
  const [later] = executed.filter((name) => !(name in migrations))
  if (later === undefined) return Object.keys(migrations).slice(executed.length)
  const since = executed.includes('0009-servers')
    ? await store.selectFrom('store_info').select('value').where('name', '=', 'compatible_since')
      .executeTakeFirst()
    : undefined
  // Only what a later version has changed since this migration keeps it from serving.
  if (since !== undefined && since.value in migrations) return []
  throw new Error(
    `The store ${place} was changed by a later version of this server (${later}). Start that version, ` +
      'or restore the backup that was made before the upgrade'
  )
}

async function runMigrations (store: Store, place: string, migrations: Migrations) {
  const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  throw new Error(`The store ${place} cannot be migrated: ${explain(error as Error)}`)
}

/** Seconds for one statement of a migration, such as the index of a large table. */
const migrationTimeout = 3600

/**
 * Migrates a store on PostgreSQL by a connection of its own, since migrations hold a lock that a pooler would lose.
 * Throws an Error if there is only a pooler.
 */
async function migrateDirectly (settings: PostgresSettings, place: string, migrations: Migrations) {
  const { direct_url: direct } = settings
  if (direct === undefined && await isPooled(settings)) {
    throw new Error(
      `The store ${place} needs migrations, and store.url leads to a pooler. Set store.direct_url, or run ` +
        '`orchestrator store migrate --url URL` with the URL of PostgreSQL itself'
    )
  }
  const options = { ...settings, pool_size: 1, statement_timeout: migrationTimeout }
  const store = await openPostgres(options, direct ?? settings.url)
  try {
    await runMigrations(store, place, migrations)
  } finally {
    await store.destroy()
  }
}

/** The place of a store, as messages name it. */
export const placeOf = (settings: StoreSettings) =>
  settings.url === undefined ? settings.file : describeUrl(settings.url)

export interface OpenedStore {
  store: Store
  /** The migrations of this version that the store needs, or needed before `migrate`. */
  pending: readonly string[]
}

async function open (
  settings: StoreSettings,
  migrations: Migrations,
  migrate: boolean
): Promise<OpenedStore> {
  const place = placeOf(settings)
  const store = settings.url === undefined
    ? await openSqlite(settings.file)
    : await openPostgres(settings)
  try {
    const pending = await pendingMigrations(store, place, migrations)
    if (pending.length === 0 || !migrate) return { store, pending }
    if (settings.url === undefined) await runMigrations(store, place, migrations)
    else await migrateDirectly(settings, place, migrations)
    return { store, pending }
  } catch (error) {
    await store.destroy()
    if ((error as ProblemError).code === undefined) throw error
    throw new Error(explain(error as Error), { cause: error })
  }
}

/**
 * Opens the store and migrates its schema. Throws an Error if it cannot be used, if another server uses the file, or if
 * a later version has changed it.
 */
export const openStore = async (
  settings: StoreSettings,
  migrations: Migrations = ownMigrations
): Promise<Store> => (await open(settings, migrations, true)).store

/** Opens the store as it is. Throws as `openStore` does. */
export const openUnmigrated = (settings: StoreSettings): Promise<OpenedStore> =>
  open(settings, ownMigrations, false)

/** Migrates the schema of a store. Returns the names of the migrations. Throws as `openStore` does. */
export async function migrateStore (settings: StoreSettings): Promise<readonly string[]> {
  const { store, pending } = await open(settings, ownMigrations, true)
  await store.destroy()
  return pending
}
