import type pg from 'pg'
import { Kysely, PostgresDialect, type PostgresPoolClient } from '#kysely'
import type { PostgresSettings } from '../../config/index.ts'
import { StoreConflict, storeUnavailable } from './errors.ts'
import { createMerge, unexpectedCode } from './merge.ts'
import {
  createEventBell,
  toStatement,
  type CommitStatement,
  type Store,
  type StoreChange,
  type Tables
} from './tables.ts'

/** The host, port and database of a URL, without the user and the password. */
export function describeUrl (url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url)
  const host = hostname === '' ? searchParams.get('host') ?? 'localhost' : hostname
  return `${host}${port === '' ? '' : `:${port}`}${pathname}`
}

/** Codes of PostgreSQL (Appendix A of its documentation) that the operator can act on, with the next step. */
const hints: ReadonlyArray<readonly [RegExp, string]> = [
  [/^53100/, 'Free space on the disk of PostgreSQL. The server then continues by itself.'],
  [
    /^53300/,
    'PostgreSQL has too many connections. Lower store.pool_size, or raise its max_connections.'
  ],
  [/^25006/, 'The database is read-only, such as a standby. Set store.url to the primary.'],
  [/^28/, 'Check the user and the password in store.url, and pg_hba.conf of PostgreSQL.'],
  [/^3D000/, 'Create the database that store.url names.'],
  [/^42501/, 'Give the user of store.url the rights on its schema.'],
  [
    /^42P01/,
    'The tables are not in the search_path of the user of store.url, or were removed. Restore the database.'
  ],
  [
    /^(57P0[123]|08|ECONN|ENOTFOUND|EHOST|ETIMEDOUT|EPIPE)/,
    'Check that PostgreSQL runs and can be reached. The server continues by itself when it answers.'
  ]
]

/**
 * Classes of codes that mean that the store does not work now: connection, resources, intervention of an operator,
 * cancelled statements, system errors, missing tables. All others, such as a wrong query, are defects of this server.
 */
const failure = /^(08|53|57|58|XX|F0|25006|25P0[23]|28|3D|40|42501|42P01|55P03)/

/** The messages of pg for connections that broke or could not be opened, which have no code. */
const lostMessages = [
  'timeout exceeded when trying to connect',
  'connection terminated',
  'query read timeout',
  'not queryable',
  'connection error',
  'pool after calling end'
]

const isLost = ({ code = '', message }: Error & { code?: string }) =>
  /^E[A-Z]+$/.test(code) || lostMessages.some((text) => message.toLowerCase().includes(text))

/** Whether a transaction that failed so may succeed when it is run again at once. */
const isCollision = (error: unknown) =>
  ['40001', '40P01'].includes((error as { code: string }).code)

/** Translates an error of pg. */
function translate (error: unknown, place: string): unknown {
  const { code = '', message } = error as Error & { code?: string }
  if (code === '23505') return new StoreConflict(message, { cause: error })
  if (!failure.test(code) && !isLost(error as Error)) return error
  const hint = hints.find(([pattern]) => pattern.test(code))?.[1] ??
    'Check that PostgreSQL runs and can be reached. The server continues by itself when it answers.'
  return storeUnavailable(`The store at ${place} cannot be used: ${message}`, hint, error)
}

/** Whether a connection may be used again after this error. */
const isBroken = (error: unknown) =>
  /^(08|57P)/.test((error as { code?: string }).code ?? '') || isLost(error as Error)

/** The process id of its session that a client was told, which the types of pg leave out. */
const sessionOf = (client: pg.ClientBase) => (client as unknown as { processID: number }).processID

/** Milliseconds to wait for a connection. */
const connectLimit = 5000

/** Text of PostgreSQL cannot have U+0000, which SQLite keeps. It becomes U+FFFD, the replacement character. */
const toParameter = (value: unknown) =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value

/** Integers of 64 bits fit a number here: they count rows and events. */
const int8 = 20

/** The options of every connection to PostgreSQL. Nothing in them is state of a session, which a pooler would lose. */
export async function connectionOptions (
  url: string,
  { statement_timeout: seconds }: PostgresSettings
): Promise<pg.ClientConfig> {
  const { default: { types } } = await import('pg')
  const getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : types.getTypeParser(oid, format as 'text')
  return {
    connectionString: url,
    // The statements of a commit are sent together.
    pipeline: true,
    application_name: 'cloud-orchestrator',
    connectionTimeoutMillis: connectLimit,
    keepAlive: true,
    // PostgreSQL ends a statement of a transaction first. A dead connection ends here.
    query_timeout: seconds * 1000 + 1000,
    types: { getTypeParser: getTypeParser as typeof types.getTypeParser }
  }
}

/** Opens a store on PostgreSQL. Makes no connection before the first query. */
export async function openPostgres (
  settings: PostgresSettings,
  url = settings.url
): Promise<Store> {
  const { default: { Pool } } = await import('pg')
  const place = describeUrl(url)
  const pool = new Pool({ ...await connectionOptions(url, settings), max: settings.pool_size })
  // A connection that breaks is replaced by the next query. One in use fails its query, and emits the error as well.
  pool.on('error', () => {}).on('connect', (client) => {
    client.on('error', () => {})
    // A pooler tells its client another process id: then the session is not ours, and this does nothing.
    client.query(limitSession, [sessionOf(client)])
      .catch(() => {})
  })

  const timeout = Math.round(settings.statement_timeout * 1000)
  const limitSession = `select set_config('statement_timeout', '${timeout}', false) ` +
    'where pg_backend_pid() = $1'
  const begin = `begin; set local statement_timeout = ${timeout}; ` +
    `set local idle_in_transaction_session_timeout = ${timeout}`

  const connect = async () => {
    try {
      return await pool.connect()
    } catch (error) {
      throw translate(error, place)
    }
  }

  /** Wraps a connection for Kysely: errors are translated, and a broken connection leaves the pool. */
  const wrap = (client: pg.PoolClient): PostgresPoolClient => {
    let broken = false
    const query = async (text: string, parameters: readonly unknown[]) => {
      try {
        return await (text === 'begin' ? client.query(begin) : client.query(text, parameters.map(toParameter)))
      } catch (error) {
        broken ||= isBroken(error)
        throw translate(error, place)
      }
    }
    return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(broken) }
  }

  /** Runs the statements of a commit one after the other. */
  const runInTurn = async (statements: readonly CommitStatement[]) => {
    const client = await connect()
    let broken = false
    try {
      const sent = [
        client.query(begin),
        ...statements.map(({ sql, parameters }) => client.query(sql, parameters.map(toParameter)))
      ]
      const ended = await Promise.allSettled(sent)
      const failed = ended.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      for (const [i, { expects, sql }] of statements.entries()) {
        const { rowCount } = (ended[i + 1] as PromiseFulfilledResult<pg.QueryResult>).value
        if (expects !== undefined && rowCount !== expects) throw new StoreConflict(sql)
      }
      await client.query('commit')
    } catch (error) {
      broken = isBroken(error)
      if (!broken) {
        await client.query('rollback').catch(() => {
          broken = true
        })
      }
      throw error
    } finally {
      client.release(broken)
    }
  }

  const merge = createMerge()

  const run = async (statements: readonly CommitStatement[]) => {
    const merged = merge(statements)
    if (merged === undefined) return runInTurn(statements)
    const client = await connect()
    let broken = false
    try {
      await client.query(merged.text, merged.values.map(toParameter))
    } catch (error) {
      broken = isBroken(error)
      if ((error as { code?: string }).code !== unexpectedCode) throw error
      throw new StoreConflict('A change met other rows than it expects', { cause: error })
    } finally {
      client.release(broken)
    }
  }

  const kysely = new Kysely<Tables>({
    dialect: new PostgresDialect({
      pool: { connect: async () => wrap(await connect()), end: () => pool.end() }
    })
  })
  const { onEvent, ring } = createEventBell()
  return Object.assign(kysely, {
    kind: 'postgres' as const,
    onEvent,
    async commit (changes: readonly StoreChange[]) {
      const statements = changes.map(toStatement)
      for (let attempt = 1; ; attempt++) {
        try {
          await run(statements)
          return ring(statements)
        } catch (error) {
          if (attempt === 3 || !isCollision(error)) throw translate(error, place)
        }
      }
    }
  })
}

/**
 * Whether a URL leads to a pooler that gives each transaction another session, such as pgbouncer in transaction mode.
 * A pooler tells its client another process id than that of the session. Throws store_unavailable.
 */
export async function isPooled (settings: PostgresSettings): Promise<boolean> {
  const { default: { Client } } = await import('pg')
  const client = new Client(await connectionOptions(settings.url, settings))
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows: [row] } = await client.query('select pg_backend_pid() as pid')
    return (row as { pid: number }).pid !== sessionOf(client)
  } catch (error) {
    throw translate(error, describeUrl(settings.url))
  } finally {
    await client.end().catch(() => {})
  }
}
