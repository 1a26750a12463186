import type { Compilable, Generated, Kysely } from '#kysely'
import type { Statement } from './database.ts'

/** The tables of the store. Times are RFC 3339 in UTC. */
export interface Tables {
  operations: {
    id: string
    kind: string
    status: string
    cloud: string
    created_at: string
    finished_at: string | null
    /** The other fields of the operation, as JSON. */
    content: string
    /** The server process that acts for the operation. Null in rows of earlier versions. */
    server: string | null
    /** How often another server has taken the operation over. */
    epoch: number
    /** The kind and the target of a change that an equal request joins; null when it has ended, and for all others. */
    exclusive: string | null
  }
  operation_resources: { operation_id: string, self: string, resource_id: string }
  idempotency_keys: {
    /** The identity of the caller: each caller has keys of its own. */
    caller: string
    key: string
    fingerprint: string
    operation_id: string | null
    /** The first answer as JSON; null until there is one. */
    answer: string | null
    created_at: string
    /** The server process that has the first request. Null in rows of earlier versions. */
    server: string | null
  }
  /** `owner` is the identity of the caller. */
  cursors: { id: string, owner: string, content: string, created_at: string }
  api_keys: {
    id: string
    name: string
    /** SHA-256 of the key, in hex. */
    hash: string
    /** JSON. */
    grants: string
    created_at: string
    /** The caller as JSON. */
    created_by: string
    expires_at: string | null
    last_used_at: string | null
  }
  users: {
    id: string
    name: string
    /** The parameters, the salt and the hash of scrypt. */
    password: string
    /** JSON. */
    grants: string
    created_at: string
  }
  /** Tokens of users for /api/v1. `password_hash` is of the stored password: a new password ends the sign-in. */
  sign_ins: {
    id: string
    hash: string
    user_id: string
    password_hash: string
    created_at: string
    expires_at: string
  }
  audit: {
    id: string
    created_at: string
    /** The id of the caller. */
    caller: string | null
    action: string
    cloud: string | null
    outcome: string
    operation: string | null
    /** The other fields of the entry, as JSON. */
    content: string
  }
  /** The present assignments of nodes, one for each node at most. */
  assignments: {
    id: string
    cloud: string
    node: string
    user: string
    application: string
    /** The identity of the caller who assigned the node. */
    assigner: string
    /** The same caller as JSON. */
    assigned_by: string
    /** The claims of the last accepted token of an OpenID Connect caller, with its time, as JSON; otherwise null. */
    claims: string | null
    assigned_at: string
    expires_at: string | null
    on_expiry: string
    /** How often the expiry was attempted. */
    attempts: number
    /** When the expiry is attempted again after a failure. */
    next_attempt_at: string | null
    /** The operation of the present or last attempt, written before the cloud is called. */
    operation_id: string | null
    /** Why the last attempt failed, as JSON. */
    problem: string | null
  }
  /**
   * The server processes. `heartbeat_at` is in milliseconds since 1970 by the clock of the database, since those of
   * servers differ.
   */
  servers: { id: string, name: string, version: string, heartbeat_at: number }
  /**
   * What has happened, in the order of commits: (xid, seq). On PostgreSQL, rows are in their place only when no
   * transaction before them is open. See plugins/events/log.ts.
   */
  events: {
    xid: Generated<number>
    seq: Generated<number>
    id: string
    created_at: string
    type: string
    cloud: string | null
    resource: string | null
    /** The server process that wrote the event. */
    server: string | null
    /** JSON. */
    content: string
  }
  /** The state of each cloud that the last event reported: up or down. */
  cloud_states: { cloud: string, state: string }
  /**
   * Which server looks for changes of a service that were made outside. `held_until` is in milliseconds since 1970 by
   * the clock of the database. `seen` has the state of each resource by its id, as JSON; null before the first look.
   */
  cloud_watches: {
    cloud: string
    service: string
    server: string
    held_until: number
    seen: string | null
  }
  /**
   * `compatible_since`: the migration from which on a version can use the store. `id`: a new one for each store.
   * `events_floor`: the position of the newest event that was removed.
   */
  store_info: { name: string, value: string }
  webhooks: {
    id: string
    url: string
    /** JSON. */
    filter: string
    format: string
    /** The secret itself, since the server signs with it. */
    secret: string
    /** Why nothing is sent; null if events are sent. */
    paused: string | null
    origin: string
    /** The identity of the caller who created the webhook. */
    owner: string
    /** The same caller as JSON. */
    owned_by: string
    /** The claims of the last accepted token of an OpenID Connect caller, as of assignments. */
    claims: string | null
    /** The text of the position in the events up to which deliveries were made. */
    position: string
    created_at: string
  }
  webhook_deliveries: {
    id: string
    webhook: string
    event_id: string
    /** The event as the store has it, as JSON. The owner's grants at the time of sending decide what is sent. */
    event: string
    status: string
    /** JSON. Answers are not kept. */
    attempts: string
    created_at: string
    next_attempt_at: string | null
  }
  /** One row, which the health check writes. */
  probes: { id: number, written_at: string }
}

/** The primary key of an idempotency key: the identity of the caller, and the text of the header. */
export type IdempotencyKey = Pick<Tables['idempotency_keys'], 'caller' | 'key'>

/** A statement in a commit. If it changes another number of rows than it expects, the whole commit is undone. */
export interface CommitStatement extends Statement {
  expects?: number | undefined
  /** Whether it inserts an event. */
  isEvent?: boolean
}

/** A change of the store: a query of Kysely, or a statement whose text is compiled already. */
export type StoreChange = Compilable | CommitStatement

export function toStatement (change: StoreChange): CommitStatement {
  if (!('compile' in change)) return change
  const { sql, parameters } = change.compile()
  return { sql, parameters }
}

/** A change whose commit is undone if it does not change one row. */
export const exactlyOne = (change: StoreChange): CommitStatement => ({
  ...toStatement(change),
  expects: 1
})

/** The store: queries of Kysely, and transactions that are committed together with others that wait. */
export interface Store extends Kysely<Tables> {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * Runs changes as one transaction, and resolves when it is on the disk. Throws store_unavailable, or StoreConflict if
   * a change met a unique value or another number of rows than it expects. If the connection to PostgreSQL breaks, it
   * is unknown whether the transaction was committed. Many commits at the same time cost one sync of the disk, which
   * `transaction()` of SQLite cannot share.
   */
  commit(changes: readonly StoreChange[]): Promise<void>
  /** Calls the listener after each commit that has inserted an event. The listener must not throw. */
  onEvent(listener: () => void): void
}

/** Creates the listeners of a store, and the function that calls them after a commit. */
export function createEventBell () {
  const listeners: (() => void)[] = []
  return {
    onEvent (listener: () => void) {
      listeners.push(listener)
    },
    ring (statements: readonly CommitStatement[]) {
      if (!statements.some(({ isEvent }) => isEvent === true)) return
      for (const listener of listeners) listener()
    }
  }
}
