import type { Compilable, Kysely } from 'kysely'

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
  }
  operation_resources: { operation_id: string, self: string, resource_id: string }
  idempotency_keys: {
    key: string
    fingerprint: string
    operation_id: string | null
    /** The first answer as JSON; null until there is one. */
    answer: string | null
    created_at: string
  }
  cursors: { id: string, content: string, created_at: string }
  /** One row, which the health check writes. */
  probes: { id: number, written_at: string }
}

/** The store: queries of Kysely, and transactions that are committed together with others that wait. */
export interface Store extends Kysely<Tables> {
  /**
   * Runs changes as one transaction, and resolves when it is on the disk. Throws store_unavailable. Many commits at the
   * same time cost one sync of the disk, which `transaction()` cannot share.
   */
  commit (queries: readonly Compilable[]): Promise<void>
}
