import { sql } from '#kysely'
import { databaseTime, deadAfter } from '../membership/heartbeat.ts'
import type { Store, Tables } from './tables.ts'

type Table = keyof Tables

/** The tables that a copy of a store has, with their primary keys. A table stands after those to which it refers. */
const copied = {
  operations: ['id'],
  operation_resources: ['operation_id', 'self'],
  idempotency_keys: ['caller', 'key'],
  api_keys: ['id'],
  users: ['id'],
  sign_ins: ['id'],
  audit: ['id'],
  assignments: ['id'],
  // A server begins at the newest event where a position is of another store.
  webhooks: ['id'],
  webhook_deliveries: ['id']
} as const satisfies Partial<Record<Table, readonly string[]>>

/** The tables that belong to one store and its servers, with the reason why a copy begins without their rows. */
const own = {
  cursors: 'a walk of a list lasts minutes',
  servers: 'the servers of the other store',
  events: 'a position in the events of one store means nothing in another',
  cloud_states: 'belongs to the events',
  cloud_watches: 'belongs to the events',
  store_info: 'describes the store itself',
  probes: 'has no content'
} as const satisfies Partial<Record<Table, string>>

/** Tables of the store that a copy takes, and those that it leaves. Each table is in one of them. */
export const copiedTables = Object.keys(copied) as (keyof typeof copied)[]
export const ownTables: readonly string[] = Object.keys(own)

/** Values of one statement at most, and rows: SQLite allows 32,766 parameters, PostgreSQL 65,535. */
const maxValues = 10_000
const maxRows = 500

type Row = Record<string, unknown>
type Transaction = Pick<Store, 'selectFrom' | 'insertInto' | 'getExecutor'>

/** Throws an Error if servers use the store, and keeps servers from starting until the transaction ends. */
async function refuseServers (store: Store, transaction: Transaction, name: string) {
  // A file of SQLite is locked by the server that uses it.
  if (store.kind === 'sqlite') return
  // The heartbeat of a server that starts now waits for this transaction.
  await sql`lock table servers in share mode`.execute(transaction)
  const alive = await transaction.selectFrom('servers').select('name')
    .where('heartbeat_at', '>', sql<number>`${databaseTime} - ${deadAfter}`).execute()
  if (alive.length === 0) return
  throw new Error(
    `${alive.length} ${alive.length === 1 ? 'server uses' : 'servers use'} the ${name} ` +
      `(${alive.map((server) => server.name).join(', ')}). Stop all servers, or wait ${deadAfter / 1000} s if ` +
      'they have ended without signing off'
  )
}

async function refuseRows (transaction: Transaction, place: string) {
  for (const table of copiedTables) {
    const row = await transaction.selectFrom(table).select(sql`1`.as('one')).limit(1).executeTakeFirst()
    if (row === undefined) continue
    throw new Error(`${place} is not empty: its table ${table} has rows. Copy to a new database or file`)
  }
}

/** Reads the rows of a table in pages, in the order of its key. */
async function * readRows (from: Transaction, table: keyof typeof copied): AsyncGenerator<Row[]> {
  const key = sql.join(copied[table].map((column) => sql.ref(column)))
  let last: Row | undefined
  for (;;) {
    const after = last === undefined
      ? sql`true`
      : sql`(${key}) > (${sql.join(copied[table].map((column) => last![column]))})`
    const { rows } = await sql<Row>`
      select * from ${sql.table(table)} where ${after} order by ${key} limit ${maxRows}`.execute(from)
    if (rows.length === 0) return
    yield rows
    last = rows.at(-1)
  }
}

async function writeRows (to: Transaction, table: keyof typeof copied, rows: readonly Row[]) {
  const columns = Object.keys(rows[0]!)
  const size = Math.max(1, Math.floor(maxValues / columns.length))
  for (let i = 0; i < rows.length; i += size) {
    await to.insertInto(table).values(rows.slice(i, i + size) as never).execute()
  }
}

/**
 * Copies the rows of a store to another that is empty and has the same schema, in one transaction. Returns the number
 * of rows of each table. Throws an Error, and changes nothing, if the target has rows or if servers use one of the
 * stores.
 */
export async function copyStore (
  { store: source, place: sourcePlace }: { store: Store, place: string },
  { store: target, place: targetPlace }: { store: Store, place: string }
): Promise<Record<string, number>> {
  // All tables as they are at one moment; PostgreSQL only.
  return source.transaction().setIsolationLevel('repeatable read').execute((from) =>
    target.transaction().execute(async (to) => {
      await refuseServers(source, from, `source ${sourcePlace}`)
      await refuseServers(target, to, `target ${targetPlace}`)
      await refuseRows(to, targetPlace)
      const counts: Record<string, number> = {}
      for (const table of copiedTables) {
        counts[table] = 0
        for await (const rows of readRows(from, table)) {
          await writeRows(to, table, rows)
          counts[table] += rows.length
        }
      }
      return counts
    })
  )
}
