import type { Kysely } from '#kysely'
import { v7 as uuid } from '#uuid'
import type { Log } from '../../drivers/call.ts'
import type { Until } from '../../drivers/driver.ts'
import {
  ProblemError,
  type CallerRef,
  type Operation,
  type OperationResource,
  type OperationStatus,
  type OperationTarget,
  type Problem
} from '../../openapi/model/index.ts'
import { showActions } from '../auth/actions-shown.ts'
import { identityOf, type Caller } from '../auth/caller.ts'
import { createEventWriter } from '../events/writer.ts'
import type { Store, Tables } from '../store/index.ts'
import { newestFirst, type NewestFirst } from '../store/newest-first.ts'
import { namesOf, prepare } from '../store/prepared.ts'
import type { StoreChange } from '../store/tables.ts'
import { toContent } from './content.ts'
import { operationEvents } from './events.ts'

/** An operation in the store. */
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
  /** When the operation has ended; null until the cloud has accepted the change. */
  until: Until | null
  /** Why it is not known whether the cloud has made the change; undefined if the server stopped during the call. */
  failure?: Problem
  /** The body of a create, kept only until the cloud has accepted it. */
  input: object | null
  /** Identifies equal requests. Rows of earlier versions lack it. */
  input_hash?: string
  /** When the change was sent last. */
  sent_at: string
  /** How often the change was sent. */
  attempts: number
  /** The state of the target before the change. */
  from_state: string | null
  /** How often another server has taken the operation over. */
  epoch: number
  /** Whether an equal request joins the operation. */
  exclusive?: boolean
  /** The caller who requested it; null without `auth`. Rows of earlier versions lack it. */
  started_by?: CallerRef | null
}

export const isEnded = ({ status }: { status: OperationStatus }) =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled'

/** Converts a row, or the content of an event, to the operation of the API that a caller of its cloud sees. */
export function toOperation (row: OperationRow, caller: Caller): Operation {
  const content = toContent(row)
  const { id, cloud, error, started_by: starter } = content
  const rank = caller.rankOn(cloud)
  const resources = content.resources.map((resource) => ({
    ...resource,
    error: showActions(resource.error, rank)
  }))
  const showsStarter = starter &&
    (caller.may('manage', cloud) || caller.identity === identityOf(starter))
  return {
    ...content,
    resource: resources[0] ?? null,
    resources,
    error: showActions(error, rank),
    started_by: showsStarter ? starter : null,
    self: `/api/v2/operations/${id}`
  }
}

export interface OperationQuery extends NewestFirst {
  clouds?: readonly string[] | undefined
  statuses?: readonly string[] | undefined
  kinds?: readonly string[] | undefined
  /** Path or id of a resource. */
  resource?: string | undefined
}

/** The query of a page of operations, the newest first. Each of its filters has an index. */
export function selectOperations (store: Kysely<Tables>, query: OperationQuery) {
  const { clouds, statuses, kinds, resource, ...page } = query
  let select = newestFirst(store.selectFrom('operations').selectAll(), page)
  if (clouds !== undefined) select = select.where('cloud', 'in', clouds)
  if (statuses !== undefined) select = select.where('status', 'in', statuses)
  if (kinds !== undefined) select = select.where('kind', 'in', kinds)
  if (resource === undefined) return select
  return select.where(
    'id',
    'in',
    store.selectFrom('operation_resources').select('operation_id')
      .where(resource.startsWith('/') ? 'self' : 'resource_id', '=', resource)
  )
}

const columnNames = [
  'id',
  'kind',
  'status',
  'cloud',
  'created_at',
  'finished_at',
  'content',
  'server',
  'epoch',
  'exclusive'
] as const

/** The text by which the store keeps two equal changes from being under way. */
export const exclusiveKey = (kind: string, self: string) => `${kind} ${self}`

function toColumns (row: OperationRow, server: string): Tables['operations'] {
  const { id, kind, status, cloud, created_at, finished_at, epoch, ...content } = row
  const isHeld = row.exclusive === true && finished_at === null
  return {
    id,
    kind,
    status,
    cloud,
    created_at,
    finished_at,
    content: JSON.stringify(content),
    server,
    epoch,
    exclusive: isHeld ? exclusiveKey(kind, row.target!.self) : null
  }
}

/** Throws internal_error if the row is damaged. */
function fromColumns ({ content, server: _server, exclusive: _, ...columns }: Tables['operations']) {
  try {
    return { ...columns, ...JSON.parse(content) as object } as OperationRow
  } catch (cause) {
    throw new ProblemError(
      'internal_error',
      `The row of the operation ${columns.id} in the store is damaged`,
      {
        cause,
        hint:
          'Look at the resources of the operation at the cloud, and restore the store from a backup.'
      }
    )
  }
}

/** Reads and writes operations, with one small transaction for each step. */
export function createRows (store: Store, server: string, log: Log) {
  /** Converts rows. Omits damaged ones, so that one of them does not spoil a list or the start. */
  const readRows = (rows: readonly Tables['operations'][]) =>
    rows.flatMap((row) => {
      try {
        return [fromColumns(row)]
      } catch (err) {
        log.error({ err, operation: row.id }, 'a row of the store is damaged and is left out')
        return []
      }
    })

  const writeEvents = createEventWriter(store, server)
  const insert = prepare(store.insertInto('operations').values(namesOf<Tables['operations']>(columnNames)))
  // Only what changes: SQLite writes each index again that has a column of the list.
  const update = prepare(
    store.updateTable('operations')
      .set(namesOf<Tables['operations']>(['status', 'finished_at', 'content', 'exclusive']))
      .where('id', '=', 'id').where('finished_at', 'is', null)
      .where('server', '=', 'server').where('epoch', '=', 'epoch' as never)
  )
  const claim = prepare<'id' | 'server' | 'epoch' | 'content' | 'before'>(
    store.updateTable('operations')
      .set(namesOf<Tables['operations']>(['server', 'epoch', 'content']))
      .where('id', '=', 'id').where('finished_at', 'is', null).where('epoch', '=', 'before' as never)
  )
  const link = prepare<keyof Tables['operation_resources']>(
    store.insertInto('operation_resources')
      .values(namesOf<Tables['operation_resources']>(['operation_id', 'self', 'resource_id'])).onConflict((conflict) =>
        conflict.doNothing()
      )
  )

  /** Links a row to its resources, but for those that an earlier state of the row has. */
  const linkResources = (row: OperationRow, before?: OperationRow) => {
    const known = before === undefined
      ? []
      : [before.target, ...before.resources].map((one) => one?.self)
    const linked = (before === undefined ? [row.target, ...row.resources] : row.resources).filter((
      one
    ) => one !== null)
    return linked.filter(({ self }) => !known.includes(self))
      .map(({ self, id }) => link({ operation_id: row.id, self, resource_id: id }))
  }

  return {
    create (
      fields:
        & Pick<
          OperationRow,
          'kind' | 'cloud' | 'target' | 'input' | 'input_hash' | 'from_state' | 'started_by' | 'exclusive'
        >
        & { id?: string | undefined }
    ): OperationRow {
      const now = new Date().toISOString()
      return {
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
        epoch: 0,
        ...fields,
        id: fields.id ?? uuid()
      }
    },

    /**
     * Inserts a row, with other changes of the store. Throws StoreConflict if an equal change is under way, or if one
     * of the other changes conflicts.
     */
    async insert (row: OperationRow, others: readonly StoreChange[] = []) {
      const events = writeEvents(operationEvents(row))
      await store.commit([
        insert(toColumns(row, server)),
        ...linkResources(row),
        ...others,
        ...events
      ])
    },

    /**
     * Writes the next state of a row, with other changes of the store. Throws StoreConflict if the row has ended in
     * the store, or if another server than the `owner`, this one by default, has taken it over.
     */
    async update (
      row: OperationRow,
      before: OperationRow,
      others: readonly StoreChange[] = [],
      owner = server
    ) {
      const own = { ...update(toColumns(row, owner)), expects: 1 }
      const events = writeEvents(operationEvents(row, before))
      await store.commit([own, ...linkResources(row, before), ...others, ...events])
    },

    async get (id: string): Promise<OperationRow | undefined> {
      const found = await store.selectFrom('operations').selectAll().where('id', '=', id)
        .executeTakeFirst()
      return found === undefined ? undefined : fromColumns(found)
    },

    /**
     * Makes this server the one that acts for an operation. Throws StoreConflict if the operation has ended, or if its
     * epoch is no longer `before`.
     */
    async claim (row: OperationRow, before: number) {
      const statement = claim({ ...toColumns(row, server), before })
      await store.commit([{ ...statement, expects: 1 }])
    },

    /** The operations under way on these resources for which other servers act, with the ids of those. */
    async ofOthers (selves: readonly string[]): Promise<{ row: OperationRow, owner: string }[]> {
      if (store.kind === 'sqlite' || selves.length === 0) return []
      const found = await store.selectFrom('operations').selectAll()
        .where('finished_at', 'is', null).where('server', '!=', server)
        .where('id', 'in', store.selectFrom('operation_resources').select('operation_id')
          .where('self', 'in', selves)).execute()
      return found.map((columns) => ({ row: fromColumns(columns), owner: columns.server! }))
    },

    /** Frees the Idempotency-Key of an operation that was not sent. */
    freeKey: (id: string) => store.deleteFrom('idempotency_keys').where('operation_id', '=', id),

    /** Which of these operations have ended. */
    async endedOf (ids: readonly string[]): Promise<string[]> {
      const found = await store.selectFrom('operations').select('id').where('id', 'in', ids)
        .where('finished_at', 'is not', null).execute()
      return found.map(({ id }) => id)
    },

    /** Converts rows. Omits damaged ones. */
    read: readRows,

    /** The same as `findExclusive`, for a store that other servers use too. */
    async findOfOthers (key: string): Promise<OperationRow | undefined> {
      return store.kind === 'sqlite' ? undefined : await this.findExclusive(key)
    },

    /** Finds the operation under way that an equal change joins. */
    async findExclusive (key: string): Promise<OperationRow | undefined> {
      const found = await store.selectFrom('operations').selectAll().where('exclusive', '=', key)
        .executeTakeFirst()
      return found === undefined ? undefined : fromColumns(found)
    },

    async list (query: OperationQuery): Promise<OperationRow[]> {
      const rows = await selectOperations(store, query).execute()
      return readRows(rows)
    }
  }
}

export type Rows = ReturnType<typeof createRows>
