import type { Pool } from 'pg'
import type { PostgresSettings } from '../../config/index.ts'
import { connectionOptions } from '../store/postgres.ts'
import { jobNames } from './names.ts'

/** The schema of pg-boss, in the database of the store. */
export const schema = 'pgboss'

/**
 * Lets one server make tables and queues at a time. Two that make the same queue lock the table of queues in turn, and
 * PostgreSQL ends one of them with "deadlock detected" (seen with pg-boss 10.4.2). A server that stands still loses the
 * lock.
 */
const lock = `begin; set local idle_in_transaction_session_timeout = '30s';
  select pg_advisory_xact_lock(hashtextextended('cloud-orchestrator ${schema}', 0))`

/** Explains an error of PostgreSQL that occurred while the tables were made, and says what to do. */
const explain = (error: unknown) => {
  const { code, message } = error as Error & { code?: string }
  const hint = code === '42501'
    ? '. Run `orchestrator store migrate --url URL` as the owner of the database, and give the user of store.url ' +
      `its rights on the schema ${schema}`
    : ''
  return new Error(`The tables for jobs cannot be made: ${message}${hint}`, { cause: error })
}

async function makeUnderLock (pool: Pool, names: readonly string[]) {
  const { default: Boss } = await import('pg-boss')
  const boss = new Boss({
    db: { executeSql: (text: string, values?: unknown[]) => pool.query(text, values) },
    schema,
    schedule: false,
    supervise: false
  })
  boss.on('error', () => { /* also thrown */ })
  await boss.start()
  const made = new Set((await boss.getQueues()).map(({ name }) => name))
  for (const name of names.filter((name) => !made.has(name))) await boss.createQueue(name)
  await boss.stop({ graceful: false, close: false })
}

/**
 * Makes the tables of pg-boss and the queues of these names, as far as they are missing. Any number of servers may do
 * so at once. Needs two connections of the pool. Throws an Error that says what to do.
 */
export async function makeTables (pool: Pool, names: readonly string[]): Promise<void> {
  try {
    const client = await pool.connect()
    try {
      await client.query(lock)
      await makeUnderLock(pool, names)
    } finally {
      // The lock ends with its connection.
      client.release(true)
    }
  } catch (error) {
    throw explain(error)
  }
}

/** Makes the tables of all jobs of this version in a store. Throws as `makeTables` does. */
export async function migrateJobs (settings: PostgresSettings): Promise<void> {
  const { default: { Pool } } = await import('pg')
  const { url, direct_url: direct } = settings
  const pool = new Pool({ ...await connectionOptions(direct ?? url, settings), max: 2 })
  pool.on('error', () => { /* the query fails as well */ })
  try {
    await makeTables(pool, jobNames)
  } finally {
    await pool.end()
  }
}
