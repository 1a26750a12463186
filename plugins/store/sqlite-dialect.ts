import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult
} from '#kysely'
import type { Link } from './link.ts'

/** The connection of Kysely to the store. While a transaction of Kysely is open, all others wait. */
export interface Gate {
  /** Resolves when the transaction that is open has ended; undefined if none is open. Another may be open then. */
  closed(): Promise<void> | undefined
}

/** Makes the dialect of Kysely whose statements run through a link, and the gate that its transactions close. */
export function createDialect (
  link: Link,
  translate: (error: unknown) => unknown
): { dialect: Dialect, gate: Gate } {
  let open: Promise<void> | undefined
  let release = () => {}
  const closed = () => open

  const run = async <R>(
    { sql, parameters }: Pick<CompiledQuery, 'sql' | 'parameters'>
  ): Promise<QueryResult<R>> => {
    try {
      const { rows, changes, lastId } = await link.run({ sql, parameters })
      return { rows: rows as R[], numAffectedRows: BigInt(changes), insertId: BigInt(lastId) }
    } catch (error) {
      throw translate(error)
    }
  }

  /** Kysely takes a connection for each query, and one for a whole transaction. */
  const createConnection = (): DatabaseConnection & { isOwner: boolean } => ({
    isOwner: false,
    async executeQuery<R> (query: CompiledQuery) {
      if (!this.isOwner) { for (let now = closed(); now !== undefined; now = closed()) await now }
      return run<R>(query)
    },
    async * streamQuery () {
      throw new Error('the store does not stream')
    }
  })

  const command = async (sql: string) => {
    await run({ sql, parameters: [] })
  }
  type Owned = DatabaseConnection & { isOwner: boolean }
  const endTransaction = async (connection: DatabaseConnection, sql: string) => {
    try {
      await command(sql)
    } finally {
      ;(connection as Owned).isOwner = false
      open = undefined
      release()
    }
  }

  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => createConnection(),
    async beginTransaction (connection) {
      for (let now = closed(); now !== undefined; now = closed()) await now
      open = new Promise((resolve) => {
        release = resolve
      })
      ;(connection as Owned).isOwner = true
      try {
        await command('begin')
      } catch (error) {
        ;(connection as Owned).isOwner = false
        open = undefined
        release()
        throw error
      }
    },
    commitTransaction: (connection) => endTransaction(connection, 'commit'),
    rollbackTransaction: (connection) => endTransaction(connection, 'rollback'),
    releaseConnection: async () => {},
    destroy: () => link.close()
  }

  return {
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db: Kysely<never>) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler()
    },
    gate: { closed }
  }
}
