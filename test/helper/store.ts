import { setTimeout as sleep } from 'node:timers/promises'
import { CompiledQuery, sql, type Compilable } from '#kysely'
import pg from 'pg'
import type { Store } from '../../plugins/store/index.ts'
import type { build } from './app.ts'
import { databaseOf, nameOf } from './database.ts'

/** Runs statements in another database of the cluster than that of the URL. */
async function runBeside (url: string, statements: readonly string[]) {
  const beside = new URL(url)
  beside.pathname = '/postgres'
  const client = new pg.Client({ connectionString: beside.href })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

/**
 * Makes every write to the store of a server fail, or ends that. SQLite refuses them as on a file system that is
 * read-only. PostgreSQL does as a standby would, and cuts all connections, since it is for new ones.
 */
export async function setReadOnly (
  { app: { store }, directory }: Pick<Awaited<ReturnType<typeof build>>, 'app' | 'directory'>,
  isReadOnly: boolean
) {
  const url = databaseOf(directory)
  if (url === undefined) return sql.raw(`pragma query_only = ${isReadOnly ? 1 : 0}`).execute(store)
  const name = nameOf(url)
  await runBeside(url, [
    `alter database "${name}" set default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`
  ])
  // The pool learns of each connection that was cut.
  const canRead = () => store.selectFrom('probes').select('id').execute().then(() => true, () => false)
  while (!await canRead()) await sleep(5)
}

/**
 * Returns how the database would run a query, in its own words. PostgreSQL, which reads small tables as a whole, takes
 * an index wherever it can.
 */
export async function planOf (store: Store, query: Compilable): Promise<string> {
  const { sql: text, parameters } = query.compile()
  const explain = (how: string) => CompiledQuery.raw(`${how} ${text}`, [...parameters])
  if (store.kind === 'sqlite') {
    const { rows } = await store.executeQuery<{ detail: string }>(explain('explain query plan') as CompiledQuery<any>)
    return rows.map(({ detail }) => detail).join('; ')
  }
  return store.transaction().execute(async (transaction) => {
    await sql`set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off`
      .execute(transaction)
    const statement = explain('explain') as CompiledQuery<any>
    const { rows } = await transaction.executeQuery<Record<'QUERY PLAN', string>>(statement)
    return rows.map((row) => row['QUERY PLAN'].trim()).join('; ')
  })
}
