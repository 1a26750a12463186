/** Those who wait for something that has an id. */
export interface Waiters {
  /** Resolves when the id is woken, after `ms` milliseconds, or when `caller` aborts. */
  wait(id: string, ms: number, caller?: AbortSignal): Promise<void>
  wake(id: string): void
  wakeAll(): void
  /** The ids for which somebody waits. */
  ids(): string[]
}

export function createWaiters (): Waiters {
  const waiters = new Map<string, Set<() => void>>()

  const wake = (id: string) => {
    for (const resolve of [...waiters.get(id) ?? []]) resolve()
  }

  return {
    wake,
    ids: () => [...waiters.keys()],
    async wait (id, ms, caller) {
      if (ms <= 0 || caller?.aborted === true) return
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
