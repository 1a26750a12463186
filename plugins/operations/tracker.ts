import type { OperationRow } from './rows.ts'

/** The operations that have not ended, in memory, and who waits for their end. */
export interface Tracker {
  get (id: string): OperationRow | undefined
  values (): OperationRow[]
  /** Adds an operation, or replaces its row. */
  set (row: OperationRow): void
  /** Removes an operation and wakes everybody who waits for it. */
  remove (id: string): void
  /** Finds an operation of this kind on the resource with this path. */
  find (kind: string, target: string): OperationRow | undefined
  /** Resolves when the operation is removed, after `ms` milliseconds, or when `caller` aborts. */
  wait (id: string, ms: number, caller?: AbortSignal): Promise<void>
  /** Ends all waits. */
  wakeAll (): void
}

export function createTracker (): Tracker {
  const rows = new Map<string, OperationRow>()
  const idsByTarget = new Map<string, Set<string>>()
  const waiters = new Map<string, Set<() => void>>()

  const keyOf = ({ kind, target }: OperationRow) => `${kind} ${target?.self ?? ''}`

  const wake = (id: string) => {
    for (const resolve of [...waiters.get(id) ?? []]) resolve()
  }

  return {
    get: (id) => rows.get(id),
    values: () => [...rows.values()],
    set (row) {
      rows.set(row.id, row)
      if (row.target === null) return
      const key = keyOf(row)
      const ids = idsByTarget.get(key) ?? new Set()
      idsByTarget.set(key, ids.add(row.id))
    },
    remove (id) {
      const row = rows.get(id)
      if (row === undefined) return
      rows.delete(id)
      const ids = idsByTarget.get(keyOf(row))
      ids?.delete(id)
      if (ids?.size === 0) idsByTarget.delete(keyOf(row))
      wake(id)
    },
    find (kind, target) {
      const [id] = idsByTarget.get(`${kind} ${target}`) ?? []
      return id === undefined ? undefined : rows.get(id)
    },
    async wait (id, ms, caller) {
      if (!rows.has(id) || ms <= 0 || caller?.aborted === true) return
      await new Promise<void>((resolve) => {
        const set = waiters.get(id) ?? new Set()
        const end = () => {
          clearTimeout(timer)
          caller?.removeEventListener('abort', end)
          set.delete(end)
          if (set.size === 0) waiters.delete(id)
          resolve()
        }
        const timer = setTimeout(end, ms)
        caller?.addEventListener('abort', end, { once: true })
        waiters.set(id, set.add(end))
      })
    },
    wakeAll () {
      for (const id of [...waiters.keys()]) wake(id)
    }
  }
}
