import type { CallerRef, ExpiryAction, Problem } from '../../openapi/model/index.ts'
import type { AcceptedClaims, Caller } from '../auth/caller.ts'
import type { Log } from '../../drivers/call.ts'
import type { EventType } from '../../openapi/model/index.ts'
import type { NewEvent, StoredEvent } from '../events/event.ts'
import type { Events } from '../events/index.ts'
import { createEventId } from '../events/writer.ts'
import { StoreConflict, writeUntilDone } from '../store/index.ts'
import { exactlyOne, type Store, type Tables } from '../store/tables.ts'
import { pathOfNode } from './view.ts'

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
  /** Reads an assignment again, since another server may have changed it. Undefined if it has ended. */
  refresh(id: string): Promise<AssignmentRow | undefined>
  /**
   * Changes an assignment. Returns it; undefined if it has ended meanwhile, or if its expiry is no longer at the
   * attempt of `from`, since another server has gone on with it.
   */
  change(
    id: string,
    changes: Partial<AssignmentRow>,
    from?: AssignmentRow
  ): Promise<AssignmentRow | undefined>
  /** Ends an assignment, if `check` does not throw. Does nothing if it has ended before. */
  remove(id: string, check?: (present: AssignmentRow) => void): Promise<void>
  /** Keeps the claims of a caller's latest token with the assignments of that caller. */
  keepClaims(caller: Caller): Promise<void>
  /** Calls the listener with the cloud and the id after an assignment was added, changed or removed. */
  onChange(listener: (cloud: string, id: string) => void): void
}

export interface RegistryOptions {
  store: Store
  events: Pick<Events, 'changes' | 'onSeen'>
  log: Log
  /** Whether the server has stopped. */
  isClosed: () => boolean
}

/** Attempts to change an assignment that other servers change at the same time. */
const maxAttempts = 10

/** The claims are personal data, and no client sees them. */
const assignmentEvent = (type: EventType, row: AssignmentRow): NewEvent => ({
  id: createEventId(),
  type,
  cloud: row.cloud,
  resource: pathOfNode(row.cloud, row.node),
  content: { ...row, claims: null }
})

/** Tells other servers to read assignments again of which clients see nothing new. */
const internalEvent = (content: { id: string } | { assigner: string }): NewEvent => ({
  id: createEventId(),
  type: 'internal.assignments',
  cloud: null,
  resource: null,
  content
})

/** Whether the expiry of an assignment is still at the same attempt. */
const isSameAttempt = (row: AssignmentRow, other: AssignmentRow) =>
  row.attempts === other.attempts && row.operation_id === other.operation_id

/** The fields of an assignment that clients see. */
const shownOf = ({ expires_at, on_expiry, operation_id, problem }: AssignmentRow) =>
  JSON.stringify([expires_at, on_expiry, operation_id, problem])

/**
 * Reads the assignments from the store. Memory follows the store: a change is written first, then shown. One change
 * runs at a time, so that of many concurrent requests for a node one gets it; the store decides between servers, and
 * what others have changed is read again.
 */
export async function openRegistry (options: RegistryOptions): Promise<Registry> {
  const { store, events, log, isClosed } = options
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
    if (nodes?.get(node)?.id === id) nodes.delete(node)
    if (nodes?.size === 0) byCloud.delete(cloud)
  }

  const notify = ({ cloud, id }: Pick<AssignmentRow, 'cloud' | 'id'>) => {
    for (const listener of listeners) listener(cloud, id)
  }
  const of = (cloud: string, node: string) => byCloud.get(cloud)?.get(node)
  const select = () => store.selectFrom('assignments').selectAll()

  for (const columns of await select().orderBy('id').execute()) show(fromColumns(columns))

  /** Replaces what is known of these assignments by what the store has. */
  const replace = (known: readonly (AssignmentRow | undefined)[], stored: readonly Columns[]) => {
    const present = known.filter((row) => row !== undefined)
    for (const row of present) hide(row)
    for (const columns of stored) show(fromColumns(columns))
    const changed = [...present, ...stored].map(({ id, cloud }) => [id, cloud] as const)
    for (const [id, cloud] of new Map(changed)) notify({ id, cloud })
  }

  const readNode = async (cloud: string, node: string) => {
    const stored = await select().where('cloud', '=', cloud).where('node', '=', node).execute()
    replace([of(cloud, node)], stored)
  }

  const readOne = async (id: string) =>
    replace([rows.get(id)], await select().where('id', '=', id).execute())

  const readOf = async (assigner: string) => {
    const stored = await select().where('assigner', '=', assigner).execute()
    replace([...rows.values()].filter((row) => row.assigner === assigner), stored)
  }

  /** The change of a row that is still at the attempt that this server knows. */
  const toUpdate = ({ id, attempts, operation_id: operation }: AssignmentRow, to: AssignmentRow) =>
    store.updateTable('assignments').set(toColumns(to)).where('id', '=', id)
      .where('attempts', '=', attempts)
      .where('operation_id', operation === null ? 'is' : '=', operation)

  /** Runs a change again after each conflict with another server, which `read` makes known. */
  const untilDecided = async <T>(
    change: () => Promise<T>,
    read: () => Promise<void>
  ): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await change()
      } catch (error) {
        if (!(error instanceof StoreConflict) || attempt === maxAttempts) throw error
        await read()
      }
    }
  }

  const readChanged = ({ type, content }: StoredEvent) => {
    const { id, cloud, node, assigner } = content as Partial<AssignmentRow>
    if (type !== 'internal.assignments') return readNode(cloud!, node!)
    return id === undefined ? readOf(assigner!) : readOne(id)
  }

  events.onSeen((event) => {
    if (!/^(internal\.)?assignments?\b/.test(event.type)) return
    const read = () => inTurn(() => readChanged(event))
    read().catch((err: unknown) => {
      log.warn({ err }, 'assignments that another server has changed could not be read; tried again')
      return writeUntilDone(read, isClosed)
    })
  })

  return {
    of,
    onCloud: (cloud) => byCloud.get(cloud),
    get: (id) => rows.get(id),
    all: () => [...rows.values()],

    add: (row, check) =>
      inTurn(() =>
        untilDecided(async () => {
          const present = of(row.cloud, row.node)
          check(present)
          const replaced = present === undefined
            ? []
            : [exactlyOne(store.deleteFrom('assignments').where('id', '=', present.id))]
          const ended = present === undefined ? [] : [assignmentEvent('assignment.ended', present)]
          await store.commit([
            ...replaced,
            store.insertInto('assignments').values(toColumns(row)),
            ...events.changes([...ended, assignmentEvent('assignment.created', row)])
          ])
          if (present !== undefined) {
            hide(present)
            notify(present)
          }
          show(row)
          notify(row)
        }, () => readNode(row.cloud, row.node))
      ),

    change: (id, changes, from) =>
      inTurn(() =>
        untilDecided(async () => {
          const row = rows.get(id)
          if (row === undefined || (from !== undefined && !isSameAttempt(row, from))) {
            return undefined
          }
          const next = { ...row, ...changes }
          const event = shownOf(row) === shownOf(next)
            ? internalEvent({ id })
            : assignmentEvent('assignment.changed', next)
          await store.commit([
            exactlyOne(toUpdate(row, next)),
            ...events.changes([event])
          ])
          show(next)
          notify(next)
          return next
        }, () => readOne(id))
      ),

    refresh: (id) =>
      inTurn(async () => {
        await readOne(id)
        return rows.get(id)
      }),

    remove: (id, check) =>
      inTurn(() =>
        untilDecided(async () => {
          const row = rows.get(id)
          if (row === undefined) return
          check?.(row)
          await store.commit([
            exactlyOne(store.deleteFrom('assignments').where('id', '=', id)),
            ...events.changes([assignmentEvent('assignment.ended', row)])
          ])
          hide(row)
          notify(row)
        }, () => readOne(id))
      ),

    keepClaims: ({ identity, claims }) =>
      inTurn(async () => {
        const own = [...rows.values()].filter(({ assigner }) => assigner === identity)
        if (claims === undefined || own.length === 0) return
        await store.commit([
          store.updateTable('assignments').set({ claims: JSON.stringify(claims) })
            .where('assigner', '=', identity),
          ...events.changes([internalEvent({ assigner: identity })])
        ])
        for (const row of own) show({ ...row, claims })
      }),

    onChange (listener) {
      listeners.push(listener)
    }
  }
}
