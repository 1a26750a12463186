import { createDueQueue } from './due-queue.ts'
import { newId } from './random.ts'
import type { CollectionState } from './records.ts'

export interface BaseRecord {
  seq: number
  id: string
  steps: ReadonlyArray<{ at: number, then: { gone?: boolean, launched?: boolean } }>
  created_at: number
  updated_at: number
  operation: string | null
}

/** A record and its caches. A change replaces `data` and never modifies it, and clears the caches. */
export interface Entry<T = BaseRecord> {
  data: T
  /** The model object. */
  view?: unknown
  /** The JSON for the state file. */
  line?: string | undefined
  /** The time of its next step, in milliseconds since 1970. */
  due?: number | undefined
}

/**
 * Keeps totals and indexes up to date. It runs after each change with the record before and after it; one of them is
 * undefined if the record is added or removed.
 */
export type ChangeListener<T> = (before: T | undefined, after: T | undefined) => void

/** A record that was removed, with the operation that created it. */
export interface RemovedRecord {
  id: string
  operation: string | null
}

/** Records that are serialized in one turn of the event loop. */
const linesInPart = 500

/** How many removed records a collection remembers for lost creates. */
export const maxDeparted = 1000

/** Schedules a change that starts now: spreads its stages evenly over the seconds, then comes its end. */
export function scheduleSteps<Stage> (stages: Stage[], end: Stage, seconds: number) {
  const now = Date.now()
  const length = seconds * 1000
  return [
    ...stages.map((then, i) => ({ at: now + Math.round(length * i / stages.length), then })),
    { at: now + Math.round(length), then: end }
  ]
}

/** Applies the steps that are due. Returns undefined if the record ends. */
function applySteps<T extends BaseRecord> (data: T, now: number): T | undefined {
  let next = data
  for (const { at, then: { launched, gone, ...fields } } of data.steps) {
    if (at > now) break
    if (gone) return undefined
    next = {
      ...next,
      ...fields,
      steps: next.steps.slice(1),
      updated_at: at,
      ...(launched && { launched_at: at })
    }
  }
  return next
}

/**
 * Creates a collection of records in their order of creation. The collection has no timers: `settle` applies all steps
 * that are due, and is one comparison if none is.
 */
export function createCollection<T extends BaseRecord> (
  state: CollectionState<T>,
  onChange: ChangeListener<T> = () => {}
) {
  const entries: Entry<T>[] = []
  const byId = new Map<string, Entry<T>>()
  /** The entries by the times of their next steps. An item whose time is not that of its entry is out of date. */
  const changing = createDueQueue<{ at: number, entry: Entry<T> }>()
  const departed = [...state.departed]
  let nextSeq = state.next_seq
  /**
   * The records that were changed and removed since `takeChanges`. A step that is due changes none: it follows from the
   * record that has the step, also after the state file is read.
   */
  const changed = new Set<Entry<T>>()
  let removed: RemovedRecord[] = []

  /** Returns the index of the first record created after this one. */
  const indexAfter = (seq: number) => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.data.seq <= seq) low = middle + 1
      else high = middle
    }
    return low
  }

  const remove = (entry: Entry<T>) => {
    const { id, seq, operation } = entry.data
    entries.splice(indexAfter(seq) - 1, 1)
    byId.delete(id)
    entry.due = undefined
    changed.delete(entry)
    removed.push({ id, operation })
    if (operation !== null) departed.push({ operation, id })
    if (departed.length > maxDeparted) departed.shift()
    onChange(entry.data, undefined)
  }

  const replace = (entry: Entry<T>, data: T) => {
    const before = entry.data
    entry.data = data
    entry.view = entry.line = undefined
    onChange(before, data)
  }

  const change = (entry: Entry<T>, data: T) => {
    changed.add(entry)
    replace(entry, data)
  }

  const track = (entry: Entry<T>) => {
    const [next] = entry.data.steps
    if (entry.due === next?.at) return
    entry.due = next?.at
    if (next !== undefined) changing.add({ at: next.at, entry })
  }

  const advance = (entry: Entry<T>, now: number) => {
    const data = applySteps(entry.data, now)
    if (data === undefined) return remove(entry)
    if (data !== entry.data) replace(entry, data)
    track(entry)
  }

  const insert = (data: T) => {
    const entry: Entry<T> = { data }
    entries.push(entry)
    byId.set(data.id, entry)
    onChange(undefined, data)
    track(entry)
    return entry
  }

  for (const data of state.items) insert(data)

  const lineOf = (entry: Entry<T>) => (entry.line ??= JSON.stringify(entry.data))

  return {
    entries: entries as ReadonlyArray<Entry<T>>,
    indexAfter,
    has: (id: string) => byId.has(id),
    find: (id: string) => byId.get(id),
    /** Applies the steps of all records that are due. */
    settle (now: number) {
      for (let next = changing.take(now); next !== undefined; next = changing.take(now)) {
        if (next.entry.due === next.at) advance(next.entry, now)
      }
    },
    /** Returns the common fields of a new record. `add` adds it. */
    newRecord (prefix: string, operation?: string) {
      const now = Date.now()
      const id = newId(prefix, (id) => byId.has(id))
      const times = { created_at: now, updated_at: now }
      return { seq: nextSeq++, id, steps: [], ...times, operation: operation ?? null }
    },
    /** Adds a record as the last one and applies its steps that are due. */
    add (data: T) {
      const entry = insert(data)
      changed.add(entry)
      advance(entry, Date.now())
      return entry
    },
    set (entry: Entry<T>, fields: Partial<T>) {
      change(entry, { ...entry.data, ...fields, updated_at: Date.now() })
    },
    /** Replaces the steps of a record and applies those that are due. */
    setSteps (entry: Entry<T>, steps: T['steps']) {
      change(entry, { ...entry.data, steps })
      advance(entry, Date.now())
    },
    remove,
    /** Returns the ids that an operation created, also of removed records. */
    createdBy (operation: string) {
      return [
        ...entries.filter(({ data }) => data.operation === operation).map(({ data }) => data.id),
        ...departed.filter((record) => record.operation === operation).map(({ id }) => id)
      ]
    },
    /** Returns the JSON of the changes since the last time; undefined if there are none. */
    takeChanges () {
      if (changed.size === 0 && removed.length === 0) return undefined
      const set = [...changed].map(lineOf).join()
      const gone = JSON.stringify(removed)
      changed.clear()
      removed = []
      return `{"next_seq":${nextSeq},"set":[${set}],"gone":${gone}}`
    },
    /** Yields the JSON of the collection in parts. Only changed records are serialized again. */
    * toJson (name: string) {
      yield `"next_seq":${nextSeq},"departed":${JSON.stringify(departed)},"${name}":[\n`
      // A copy, because records may come and go between two parts.
      const all = [...entries]
      for (let i = 0; i < all.length; i += linesInPart) {
        yield `${i === 0 ? '' : ',\n'}${all.slice(i, i + linesInPart).map(lineOf).join(',\n')}`
      }
      yield '\n]'
    }
  }
}

export type Collection<T extends BaseRecord> = ReturnType<typeof createCollection<T>>
