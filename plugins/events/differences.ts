/** The states of the resources of a service by their ids. */
export type Seen = Map<string, string>

export interface ListedResource {
  id: string
  name?: string | null
  state: string
}

export interface Difference {
  effect: 'created' | 'state_changed' | 'destroyed'
  id: string
  name: string | null
  state: string | null
  before: string | null
}

const goneStates = new Set(['terminated', 'deleted'])

/**
 * Returns what is different from what was seen before. Resources that `isSkipped` are changed by operations, which
 * report them. A resource that is not listed is only missing: a list may omit one that exists.
 */
export function findDifferences (
  seen: Seen,
  listed: readonly ListedResource[],
  isSkipped: (id: string) => boolean
): { differences: Difference[], missing: string[] } {
  const present = new Set<string>()
  const differences = listed.flatMap(({ id, name = null, state }): Difference[] => {
    const before = seen.get(id) ?? null
    const isGone = goneStates.has(state)
    present.add(id)
    if (isSkipped(id) || state === before) return []
    if (isGone) {
      return before === null ? [] : [{ effect: 'destroyed', id, name, state: null, before }]
    }
    return [{ effect: before === null ? 'created' : 'state_changed', id, name, state, before }]
  })
  const missing = [...seen.keys()].filter((id) => !present.has(id) && !isSkipped(id))
  return { differences, missing }
}

/** Returns what is seen after these differences. */
export function applyDifferences (seen: Seen, differences: readonly Difference[]): Seen {
  const next = new Map(seen)
  for (const { id, state } of differences) {
    if (state === null) next.delete(id)
    else next.set(id, state)
  }
  return next
}
