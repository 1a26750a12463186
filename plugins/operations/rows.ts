import { v7 as uuid } from 'uuid'
import type { Until } from '../../drivers/driver.ts'
import type { Operation, OperationResource, OperationStatus, OperationTarget, Problem } from '../../openapi/model/index.ts'
import type { Store, Tables } from '../store/index.ts'

/** An operation as it is kept. */
export interface OperationRow {
  id: string
  kind: string
  status: OperationStatus
  cloud: string
  created_at: string
  finished_at: string | null
  phase: 'calling' | 'reconciling' | 'waiting' | null
  progress: number | null
  target: OperationTarget | null
  resources: OperationResource[]
  error: Problem | null
  /** When it is over; null while that is not known. */
  until: Until | null
  /** Of a create: what to create, kept only until the cloud has accepted it. */
  input: object | null
  /** When the cloud was asked last. */
  sent_at: string
  /** How often the cloud was asked. */
  attempts: number
  /** The target's state before. */
  from_state: string | null
}

export const isEnded = ({ status }: { status: OperationStatus }) =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled'

/** As the API shows it. */
export function toOperation (row: OperationRow): Operation {
  const { id, kind, status, cloud, created_at, finished_at, phase, progress, target, resources, error } = row
  return {
    id,
    kind,
    status,
    phase,
    progress,
    cloud,
    target,
    resource: resources[0] ?? null,
    resources,
    error,
    created_at,
    finished_at,
    self: `/api/v2/operations/${id}`
  }
}

export interface OperationQuery {
  limit: number
  /** The id after which the page begins: ids sort by time, newest first. */
  after?: string | undefined
  clouds?: readonly string[] | undefined
  statuses?: readonly string[] | undefined
  kinds?: readonly string[] | undefined
  /** Path or id of a resource. */
  resource?: string | undefined
}

const toColumns = ({ id, kind, status, cloud, created_at, finished_at, ...content }: OperationRow): Tables['operations'] =>
  ({ id, kind, status, cloud, created_at, finished_at, content: JSON.stringify(content) })

const fromColumns = ({ content, ...columns }: Tables['operations']) =>
  ({ ...columns, ...JSON.parse(content) as object }) as OperationRow

/** What an operation needs of the store: one small transaction per step. */
export function createRows (store: Store) {
  const linkResources = async (db: Store, row: OperationRow) => {
    const linked = [row.target, ...row.resources].filter((one) => one !== null)
    const values = linked.map(({ self, id }) => ({ operation_id: row.id, self, resource_id: id }))
    if (values.length === 0) return
    await db.insertInto('operation_resources').values(values).onConflict((conflict) => conflict.doNothing()).execute()
  }

  return {
    create (fields: Pick<OperationRow, 'kind' | 'cloud' | 'target' | 'input' | 'from_state'>): OperationRow {
      const now = new Date().toISOString()
      return {
        id: uuid(),
        status: 'pending',
        phase: 'calling',
        progress: null,
        resources: [],
        error: null,
        until: null,
        created_at: now,
        sent_at: now,
        finished_at: null,
        attempts: 1,
        ...fields
      }
    },

    /** Writes a new row and, with it, that an idempotency key belongs to it. */
    async insert (row: OperationRow, idempotencyKey?: string) {
      await store.transaction().execute(async (db) => {
        await db.insertInto('operations').values(toColumns(row)).execute()
        await linkResources(db, row)
        if (idempotencyKey === undefined) return
        await db.updateTable('idempotency_keys').set({ operation_id: row.id }).where('key', '=', idempotencyKey).execute()
      })
    },

    async update (row: OperationRow) {
      await store.transaction().execute(async (db) => {
        await db.updateTable('operations').set(toColumns(row)).where('id', '=', row.id).execute()
        await linkResources(db, row)
      })
    },

    async get (id: string): Promise<OperationRow | undefined> {
      const found = await store.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst()
      return found === undefined ? undefined : fromColumns(found)
    },

    async unended (): Promise<OperationRow[]> {
      const rows = await store.selectFrom('operations').selectAll().where('finished_at', 'is', null).execute()
      return rows.map((row) => fromColumns(row))
    },

    async list ({ limit, after, clouds, statuses, kinds, resource }: OperationQuery): Promise<OperationRow[]> {
      let query = store.selectFrom('operations').selectAll().orderBy('id', 'desc').limit(limit)
      if (after !== undefined) query = query.where('id', '<', after)
      if (clouds !== undefined) query = query.where('cloud', 'in', clouds)
      if (statuses !== undefined) query = query.where('status', 'in', statuses)
      if (kinds !== undefined) query = query.where('kind', 'in', kinds)
      if (resource !== undefined) {
        query = query.where('id', 'in', store.selectFrom('operation_resources').select('operation_id')
          .where(resource.startsWith('/') ? 'self' : 'resource_id', '=', resource))
      }
      const rows = await query.execute()
      return rows.map((row) => fromColumns(row))
    }
  }
}

export type Rows = ReturnType<typeof createRows>
