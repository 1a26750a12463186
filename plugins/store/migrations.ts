import { randomUUID } from 'node:crypto'
import { PostgresAdapter, sql, type Kysely, type Migration } from '#kysely'
import type { Tables } from './tables.ts'

/** Uses only portable column types, so that other SQL databases can have the same schema. Times are RFC 3339 in UTC. */
const operations: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('operations')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('kind', 'varchar(64)', (column) => column.notNull())
      .addColumn('status', 'varchar(16)', (column) => column.notNull())
      .addColumn('cloud', 'varchar(63)', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('finished_at', 'varchar(24)')
      .addColumn('content', 'text', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('operations_status').on('operations').columns([
      'status',
      'finished_at'
    ]).execute()

    await db.schema.createTable('operation_resources')
      .addColumn(
        'operation_id',
        'varchar(36)',
        (column) => column.notNull().references('operations.id').onDelete('cascade')
      )
      .addColumn('self', 'text', (column) => column.notNull())
      .addColumn('resource_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('operation_resources_key', ['operation_id', 'self'])
      .execute()
    await db.schema.createIndex('operation_resources_self').on('operation_resources').column('self')
      .execute()
    await db.schema.createIndex('operation_resources_id').on('operation_resources').column(
      'resource_id'
    ).execute()

    await db.schema.createTable('idempotency_keys')
      .addColumn('key', 'varchar(255)', (column) => column.primaryKey())
      .addColumn('fingerprint', 'varchar(64)', (column) => column.notNull())
      .addColumn('operation_id', 'varchar(36)')
      .addColumn('answer', 'text')
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .execute()

    await db.schema.createTable('cursors')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('content', 'text', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .execute()
  }
}

const probes: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('probes')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('written_at', 'varchar(24)', (column) => column.notNull())
      .execute()
  }
}

/**
 * Operations are listed by their time, newest first, for a kind, a status, a cloud or all: each index has the order of
 * the list, so that a page reads no more rows than it shows. The end of operations is for purging and for the start.
 */
const operationLists: Migration = {
  async up (db: Kysely<unknown>) {
    const indexes = {
      operations_created: ['created_at', 'id'],
      operations_by_kind: ['kind', 'created_at', 'id'],
      operations_by_status: ['status', 'created_at', 'id'],
      operations_by_cloud: ['cloud', 'created_at', 'id'],
      operations_finished: ['finished_at']
    }
    await db.schema.dropIndex('operations_status').execute()
    for (const [name, columns] of Object.entries(indexes)) {
      await db.schema.createIndex(name).on('operations').columns(columns).execute()
    }
  }
}

/**
 * Idempotency keys and cursors belong to a caller. Rows of earlier versions belong to `local`, the caller of a server
 * without `auth`. A primary key cannot be changed, so the table is written again.
 */
const callers: Migration = {
  async up (db: Kysely<unknown>) {
    const store = db as Kysely<
      Record<'idempotency_keys' | 'idempotency_keys_by_caller', Record<string, unknown>>
    >
    await db.schema.createTable('idempotency_keys_by_caller')
      .addColumn('caller', 'varchar(1024)', (column) => column.notNull())
      .addColumn('key', 'varchar(255)', (column) => column.notNull())
      .addColumn('fingerprint', 'varchar(64)', (column) => column.notNull())
      .addColumn('operation_id', 'varchar(36)')
      .addColumn('answer', 'text')
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addPrimaryKeyConstraint('idempotency_keys_key', ['caller', 'key'])
      .execute()
    const columns = ['key', 'fingerprint', 'operation_id', 'answer', 'created_at']
    await store.insertInto('idempotency_keys_by_caller').columns(['caller', ...columns])
      .expression(
        store.selectFrom('idempotency_keys').select((
          { val }
        ) => [val('local').as('caller'), ...columns])
      )
      .execute()
    await db.schema.dropTable('idempotency_keys').execute()
    await db.schema.alterTable('idempotency_keys_by_caller').renameTo('idempotency_keys').execute()
    await db.schema.alterTable('cursors')
      .addColumn('owner', 'varchar(1024)', (column) => column.notNull().defaultTo('local'))
      .execute()
  }
}

/** Keys of programs and users with passwords. Both keep hashes only. */
const credentials: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('api_keys')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
      .addColumn('hash', 'varchar(64)', (column) => column.notNull().unique())
      .addColumn('grants', 'text', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('created_by', 'text', (column) => column.notNull())
      .addColumn('expires_at', 'varchar(24)')
      .addColumn('last_used_at', 'varchar(24)')
      .execute()
    await db.schema.createTable('users')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('name', 'varchar(64)', (column) => column.notNull().unique())
      .addColumn('password', 'text', (column) => column.notNull())
      .addColumn('grants', 'text', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .execute()
  }
}

const signIns: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('sign_ins')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('hash', 'varchar(64)', (column) => column.notNull().unique())
      .addColumn(
        'user_id',
        'varchar(36)',
        (column) => column.notNull().references('users.id').onDelete('cascade')
      )
      .addColumn('password_hash', 'varchar(64)', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('expires_at', 'varchar(24)', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('sign_ins_expiry').on('sign_ins').column('expires_at').execute()
  }
}

/** Each index has the order of the list, for a caller, a cloud, an action or all. */
const audit: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('audit')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('caller', 'text')
      .addColumn('action', 'varchar(128)', (column) => column.notNull())
      .addColumn('cloud', 'varchar(63)')
      .addColumn('outcome', 'varchar(16)', (column) => column.notNull())
      .addColumn('operation', 'varchar(36)')
      .addColumn('content', 'text', (column) => column.notNull())
      .execute()
    const indexes = {
      audit_created: ['created_at', 'id'],
      audit_by_caller: ['caller', 'created_at', 'id'],
      audit_by_cloud: ['cloud', 'created_at', 'id'],
      audit_by_action: ['action', 'created_at', 'id'],
      audit_by_operation: ['operation']
    }
    for (const [name, columns] of Object.entries(indexes)) {
      await db.schema.createIndex(name).on('audit').columns(columns).execute()
    }
  }
}

const assignments: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('assignments')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('cloud', 'varchar(63)', (column) => column.notNull())
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('user', 'varchar(255)', (column) => column.notNull())
      .addColumn('application', 'varchar(255)', (column) => column.notNull())
      .addColumn('assigner', 'varchar(1024)', (column) => column.notNull())
      .addColumn('assigned_by', 'text', (column) => column.notNull())
      .addColumn('claims', 'text')
      .addColumn('assigned_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('expires_at', 'varchar(24)')
      .addColumn('on_expiry', 'varchar(16)', (column) => column.notNull())
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('next_attempt_at', 'varchar(24)')
      .addColumn('operation_id', 'varchar(36)')
      .addColumn('problem', 'text')
      .addUniqueConstraint('assignments_holder', ['cloud', 'node'])
      .execute()
    await db.schema.createIndex('assignments_assigner').on('assignments').column('assigner')
      .execute()
  }
}

/**
 * Several servers on one store: who acts for an operation, which requests are equal, and who is alive. Servers of
 * earlier versions may still write rows without these columns.
 */
const servers: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('servers')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('name', 'varchar(255)', (column) => column.notNull())
      .addColumn('version', 'varchar(64)', (column) => column.notNull())
      .addColumn('heartbeat_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema.createTable('store_info')
      .addColumn('name', 'varchar(64)', (column) => column.primaryKey())
      .addColumn('value', 'varchar(255)', (column) => column.notNull())
      .execute()
    await (db as Kysely<Pick<Tables, 'store_info'>>).insertInto('store_info')
      .values({ name: 'compatible_since', value: '0009-servers' }).execute()
    await db.schema.alterTable('operations').addColumn('server', 'varchar(36)').execute()
    await db.schema.alterTable('operations')
      .addColumn('epoch', 'integer', (column) => column.notNull().defaultTo(0)).execute()
    await db.schema.alterTable('operations').addColumn('exclusive', 'text').execute()
    await db.schema.createIndex('operations_exclusive').on('operations').column('exclusive')
      .unique().where(sql.ref('exclusive'), 'is not', null).execute()
    await db.schema.createIndex('operations_under_way').on('operations').column('server')
      .where(sql.ref('finished_at'), 'is', null).execute()
    await db.schema.alterTable('idempotency_keys').addColumn('server', 'varchar(36)').execute()
  }
}

/** The number of the transaction that writes a row, in 64 bits. */
const currentTransaction = sql`(pg_current_xact_id()::text::bigint)`

/**
 * Events, in the order in which they were committed: by the transaction and the number of the row on PostgreSQL, by the
 * number of the row on SQLite, which has one writer. `cloud_states` has the state of each cloud that was reported last,
 * `cloud_watches` who looks for changes that were made outside.
 */
const events: Migration = {
  async up (db: Kysely<unknown>) {
    const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter
    const table = db.schema.createTable('events')
    const numbered = isPostgres
      ? table
        .addColumn('xid', 'bigint', (column) => column.notNull().defaultTo(currentTransaction))
        .addColumn('seq', 'bigint', (column) => column.notNull().generatedByDefaultAsIdentity())
        .addPrimaryKeyConstraint('events_order', ['xid', 'seq'] as never[])
      : table
        .addColumn('xid', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
    await numbered
      .addColumn('id', 'varchar(36)', (column) => column.notNull().unique())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('type', 'varchar(64)', (column) => column.notNull())
      .addColumn('cloud', 'varchar(63)')
      .addColumn('resource', 'text')
      .addColumn('server', 'varchar(36)')
      .addColumn('content', 'text', (column) => column.notNull())
      .execute()
    await db.schema.createTable('cloud_states')
      .addColumn('cloud', 'varchar(63)', (column) => column.primaryKey())
      .addColumn('state', 'varchar(16)', (column) => column.notNull())
      .execute()
    await db.schema.createTable('cloud_watches')
      .addColumn('cloud', 'varchar(63)', (column) => column.notNull())
      .addColumn('service', 'varchar(16)', (column) => column.notNull())
      .addColumn('server', 'varchar(36)', (column) => column.notNull())
      .addColumn('held_until', 'bigint', (column) => column.notNull())
      .addColumn('seen', 'text')
      .addPrimaryKeyConstraint('cloud_watches_key', ['cloud', 'service'])
      .execute()
    // A position in the events of another store must not be taken for one of this store.
    await (db as Kysely<Pick<Tables, 'store_info'>>).insertInto('store_info')
      .values({ name: 'id', value: randomUUID() }).execute()
  }
}

/** Webhooks, and what was sent to them. `position` is the text of the position up to which deliveries were made. */
const webhooks: Migration = {
  async up (db: Kysely<unknown>) {
    await db.schema.createTable('webhooks')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('url', 'text', (column) => column.notNull())
      .addColumn('filter', 'text', (column) => column.notNull())
      .addColumn('format', 'varchar(16)', (column) => column.notNull())
      .addColumn('secret', 'varchar(128)', (column) => column.notNull())
      .addColumn('paused', 'varchar(32)')
      .addColumn('origin', 'varchar(16)', (column) => column.notNull())
      .addColumn('owner', 'varchar(1024)', (column) => column.notNull())
      .addColumn('owned_by', 'text', (column) => column.notNull())
      .addColumn('claims', 'text')
      .addColumn('position', 'varchar(32)', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('webhooks_owner').on('webhooks').columns(['owner', 'id']).execute()
    await db.schema.createTable('webhook_deliveries')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn(
        'webhook',
        'varchar(36)',
        (column) => column.notNull().references('webhooks.id').onDelete('cascade')
      )
      .addColumn('event_id', 'varchar(36)', (column) => column.notNull())
      .addColumn('event', 'text', (column) => column.notNull())
      .addColumn('status', 'varchar(16)', (column) => column.notNull())
      .addColumn('attempts', 'text', (column) => column.notNull())
      .addColumn('created_at', 'varchar(24)', (column) => column.notNull())
      .addColumn('next_attempt_at', 'varchar(24)')
      .addUniqueConstraint('webhook_deliveries_event', ['webhook', 'event_id'])
      .execute()
    const indexes = {
      webhook_deliveries_list: ['webhook', 'created_at', 'id'],
      webhook_deliveries_due: ['webhook', 'next_attempt_at'],
      webhook_deliveries_created: ['created_at']
    }
    for (const [name, columns] of Object.entries(indexes)) {
      await db.schema.createIndex(name).on('webhook_deliveries').columns(columns).execute()
    }
  }
}

/**
 * The migrations in their order. A migration must leave a store with which the version before can still serve and
 * start, so that servers can be upgraded one by one; a migration that cannot do that sets `compatible_since` in
 * `store_info` to its own name, and the version before refuses to start from then on.
 */
export const migrations: Record<string, Migration> = {
  '0001-operations': operations,
  '0002-probes': probes,
  '0003-operation-lists': operationLists,
  '0004-callers': callers,
  '0005-credentials': credentials,
  '0006-audit': audit,
  '0007-sign-ins': signIns,
  '0008-assignments': assignments,
  '0009-servers': servers,
  '0010-events': events,
  '0011-webhooks': webhooks
}
