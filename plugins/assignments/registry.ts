import type { CallerRef, ExpiryAction, Problem } from '../../openapi/model/index.ts'
import type { AcceptedClaims, Caller } from '../auth/caller.ts'
import { StoreConflict } from '../store/errors.ts'
import { toStatement, type Store, type Tables } from '../store/tables.ts'

/** An assignment, as the server keeps it. Times are RFC 3339 in UTC. */
export interface AssignmentRow {
  id: string
  cloud: string
  node: string
  user: string
  application: string
  /** The identity of the caller who assigned the node. */
  assigner: string
  assigned_by: CallerRef
  claims: AcceptedClaims | null
  assigned_at: string
  expires_at: string | null
  on_expiry: ExpiryAction
  attempts: number
  next_attempt_at: string | null
  operation_id: string | null
  problem: Problem | null
}

type Columns = Tables['assignments']

const toJson = (value: object | null) => value === null ? null : JSON.stringify(value)

const toColumns = (row: AssignmentRow): Columns => ({
  ...row,
  assigned_by: JSON.stringify(row.assigned_by),
  claims: toJson(row.claims),
  problem: toJson(row.problem)
})

const fromColumns = (columns: Columns): AssignmentRow => ({
  ...columns,
  assigned_by: JSON.parse(columns.assigned_by) as CallerRef,
  claims: JSON.parse(columns.claims ?? 'null') as AcceptedClaims | null,
  on_expiry: columns.on_expiry as ExpiryAction,
  problem: JSON.parse(columns.problem ?? 'null') as Problem | null
})

/** All assignments, in memory and in the store. */
export interface Registry {
  /** The assignment of a node. */
  of(cloud: string, node: string): AssignmentRow | undefined
  /** The assignments of a cloud by the ids of their nodes; undefined if there are none. */
  onCloud(cloud: string): ReadonlyMap<string, AssignmentRow> | undefined
  get(id: string): AssignmentRow | undefined
  /** All assignments, the oldest first. */
  all(): AssignmentRow[]
  /** Adds an assignment, in the place of the present one of the node if `check` does not throw. */
  add(row: AssignmentRow, check: (present: AssignmentRow | undefined) => void): Promise<void>
  /** Reads an assignment anew, since another server may have changed it. Returns it; undefined if it has ended. */
  refresh(id: string): Promise<AssignmentRow | undefined>
  /** Changes an assignment. Returns it; undefined if it has ended, or if another server has changed it meanwhile. */
  change(id: string, changes: Partial<AssignmentRow>): Promise<AssignmentRow | undefined>
  /** Ends an assignment, if `check` does not throw. Does nothing if it has ended before. */
  remove(id: string, check?: (present: AssignmentRow) => void): Promise<void>
  /** Keeps the claims of a caller's latest token with the assignments of that caller. */
  keepClaims(caller: Caller): Promise<void>
  /** Calls the listener with the cloud and the id after an assignment was added, changed or removed. */
  onChange(listener: (cloud: string, id: string) => void): void
}

/**
 * Reads the assignments from the store. Memory follows the store: a change is written first, then shown. One change
 * runs at a time, so that of many concurrent requests for a node one gets it.
 */
export async function openRegistry (store: Store): Promise<Registry> {
  const rows = new Map<string, AssignmentRow>()
  const byCloud = new Map<string, Map<string, AssignmentRow>>()
  const listeners: ((cloud: string, id: string) => void)[] = []
  let last: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const done = last.then(run)
    last = done.catch(() => {})
    return done
  }

  const show = (row: AssignmentRow) => {
    rows.set(row.id, row)
    const nodes = byCloud.get(row.cloud) ?? new Map<string, AssignmentRow>()
    byCloud.set(row.cloud, nodes.set(row.node, row))
  }

  const hide = ({ id, cloud, node }: AssignmentRow) => {
    rows.delete(id)
    const nodes = byCloud.get(cloud)
    nodes?.delete(node)
    if (nodes?.size === 0) byCloud.delete(cloud)
  }

  const notify = ({ cloud, id }: AssignmentRow) => {
    for (const listener of listeners) listener(cloud, id)
  }
  const of = (cloud: string, node: string) => byCloud.get(cloud)?.get(node)

  for (const columns of await store.selectFrom('assignments').selectAll().orderBy('id').execute()) {
    show(fromColumns(columns))
  }

  const readAnew = async (id: string) => {
    const known = rows.get(id)
    const columns = await store.selectFrom('assignments').selectAll().where('id', '=', id)
      .executeTakeFirst()
    if (columns === undefined) {
      if (known !== undefined) hide(known)
      return undefined
    }
    const row = fromColumns(columns)
    const present = of(row.cloud, row.node)
    if (present !== undefined) hide(present)
    show(row)
    return row
  }

  /** The change of a row that is still as this server knows it. */
  const toUpdate = ({ id, attempts, operation_id: operation }: AssignmentRow, to: AssignmentRow) =>
    store.updateTable('assignments').set(toColumns(to)).where('id', '=', id)
      .where('attempts', '=', attempts)
      .where('operation_id', operation === null ? 'is' : '=', operation)

  return {
    of,
    onCloud: (cloud) => byCloud.get(cloud),
    get: (id) => rows.get(id),
    all: () => [...rows.values()],

    add: (row, check) =>
      inTurn(async () => {
        const present = of(row.cloud, row.node)
        check(present)
        const replaced = present === undefined
          ? []
          : [store.deleteFrom('assignments').where('id', '=', present.id)]
        await store.commit([...replaced, store.insertInto('assignments').values(toColumns(row))])
        if (present !== undefined) {
          hide(present)
          notify(present)
        }
        show(row)
        notify(row)
      }),

    change: (id, changes) =>
      inTurn(async () => {
        const row = rows.get(id)
        if (row === undefined) return undefined
        const next = { ...row, ...changes }
        try {
          await store.commit([{ ...toStatement(toUpdate(row, next)), expects: 1 }])
        } catch (error) {
          if (!(error instanceof StoreConflict)) throw error
          await readAnew(id)
          return undefined
        }
        show(next)
        notify(next)
        return next
      }),

    refresh: (id) => inTurn(() => readAnew(id)),

    remove: (id, check) =>
      inTurn(async () => {
        const row = rows.get(id)
        if (row === undefined) return
        check?.(row)
        await store.deleteFrom('assignments').where('id', '=', id).execute()
        hide(row)
        notify(row)
      }),

    keepClaims: ({ identity, claims }) =>
      inTurn(async () => {
        const own = [...rows.values()].filter(({ assigner }) => assigner === identity)
        if (claims === undefined || own.length === 0) return
        await store.updateTable('assignments').set({ claims: JSON.stringify(claims) })
          .where('assigner', '=', identity).execute()
        for (const row of own) show({ ...row, claims })
      }),

    onChange (listener) {
      listeners.push(listener)
    }
  }
}
