import type { OperationRow } from './rows.ts'
import { createWaiters } from './waiters.ts'

/** The operations that have not ended, in memory, and who waits for their end. */
export interface Tracker {
  get(id: string): OperationRow | undefined
  values(): OperationRow[]
  /** Adds an operation, or replaces its row. */
  set(row: OperationRow): void
  /** Removes an operation and wakes everybody who waits for it. */
  remove(id: string): void
  /** Hides an operation from `find`: its end is known, but not yet in the store. */
  hide(id: string): void
  /** Finds an operation of this kind on the resource with this path. */
  find(kind: string, target: string): OperationRow | undefined
  /** Milliseconds since the operation was created. A change of the system clock does not affect it. */
  sinceCreated(id: string): number
  /** Milliseconds since the change was sent last, or since the cloud accepted it. */
  sinceSent(id: string): number
  /** Resolves when the operation is removed, after `ms` milliseconds, or when `caller` aborts. */
  wait(id: string, ms: number, caller?: AbortSignal): Promise<void>
  /** Ends all waits. */
  wakeAll(): void
}

interface Entry {
  row: OperationRow
  /** Times of the monotonic clock. */
  created: number
  sent: number
}

/** Converts a time in the store to one of the monotonic clock. A time in the future counts as now. */
const toMonotonic = (time: string) => performance.now() - Math.max(0, Date.now() - Date.parse(time))

const keyOf = ({ kind, target }: OperationRow) => `${kind} ${target?.self ?? ''}`

export function createTracker (): Tracker {
  const entries = new Map<string, Entry>()
  const idsByTarget = new Map<string, Set<string>>()
  const waiters = createWaiters()

  const hide = (id: string) => {
    const entry = entries.get(id)
    if (entry === undefined) return
    const key = keyOf(entry.row)
    const ids = idsByTarget.get(key)
    ids?.delete(id)
    if (ids?.size === 0) idsByTarget.delete(key)
  }

  return {
    get: (id) => entries.get(id)?.row,
    values: () => [...entries.values()].map(({ row }) => row),
    hide,
    set (row) {
      const known = entries.get(row.id)
      const sent = known?.row.sent_at === row.sent_at ? known.sent : toMonotonic(row.sent_at)
      entries.set(row.id, { row, created: known?.created ?? toMonotonic(row.created_at), sent })
      if (known !== undefined || row.target === null) return
      const key = keyOf(row)
      const ids = idsByTarget.get(key) ?? new Set()
      idsByTarget.set(key, ids.add(row.id))
    },
    remove (id) {
      hide(id)
      entries.delete(id)
      waiters.wake(id)
    },
    find (kind, target) {
      const [id] = idsByTarget.get(`${kind} ${target}`) ?? []
      return id === undefined ? undefined : entries.get(id)?.row
    },
    sinceCreated: (id) => performance.now() - (entries.get(id)?.created ?? 0),
    sinceSent: (id) => performance.now() - (entries.get(id)?.sent ?? 0),
    async wait (id, ms, caller) {
      if (entries.has(id)) await waiters.wait(id, ms, caller)
    },
    wakeAll: waiters.wakeAll
  }
}
