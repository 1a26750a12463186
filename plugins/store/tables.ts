import type { Kysely } from 'kysely'

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

export type Store = Kysely<Tables>
