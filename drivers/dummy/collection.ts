/** What a record must have to be kept in a collection. */
export interface Stored {
  seq: number
  id: string
  steps: ReadonlyArray<{ at: number, then: { gone?: boolean, launched?: boolean } }>
  updated_at: number
  operation: string | null
}

/** A record in its collection. `data` is replaced at each change, never changed; what was made of it goes with it. */
export interface Entry<T = Stored> {
  data: T
  /** The model object made of it. */
  view?: unknown
  /** Its JSON in the state file. */
  line?: string | undefined
}

/** Follow what a collection holds, for totals and indexes. */
export interface Hooks<T> {
  /** A record is there now; after a change, with what it is. */
  enter? (data: T): void
  /** A record is there no more; before a change, with what it was. */
  leave? (data: T): void
  /** A record has ceased to be. */
  gone? (data: T): void
}

export interface Contents<T> {
  next_seq: number
  departed: Array<{ operation: string, id: string }>
  items: T[]
}

/** Records gone that are remembered for the sake of lost creates. */
const mostDeparted = 1000

/** The record as it is after all steps that are due; undefined where it is gone by then. */
function advance<T extends Stored> (data: T, now: number): T | undefined {
  let next = data
  for (const { at, then: { launched, gone, ...fields } } of data.steps) {
    if (at > now) break
    if (gone) return undefined
    next = { ...next, ...fields, steps: next.steps.slice(1), updated_at: at, ...(launched ? { launched_at: at } : {}) }
  }
  return next
}

/**
 * The records of one kind in the order of their creation. Time is looked at when the collection is: `settle` takes every
 * step that is due, which is one comparison where none is.
 */
export function createCollection<T extends Stored> (contents: Contents<T>, { enter, leave, gone }: Hooks<T> = {}) {
  const entries: Entry<T>[] = []
  const byId = new Map<string, Entry<T>>()
  const moving = new Set<Entry<T>>()
  const departed = [...contents.departed]
  let nextSeq = contents.next_seq
  /** When the first step of all is due. */
  let due = Infinity

  /** Index of the first record created after this one. */
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
    moving.delete(entry)
    leave?.(entry.data)
    if (operation !== null) {
      departed.push({ operation, id })
      if (departed.length > mostDeparted) departed.shift()
    }
    gone?.(entry.data)
  }

  const replace = (entry: Entry<T>, data: T) => {
    leave?.(entry.data)
    entry.data = data
    entry.view = entry.line = undefined
    enter?.(data)
  }

  const take = (entry: Entry<T>, now: number) => {
    const data = advance(entry.data, now)
    if (data === undefined) return remove(entry)
    if (data !== entry.data) replace(entry, data)
    const [next] = data.steps
    if (next === undefined) {
      moving.delete(entry)
      return
    }
    moving.add(entry)
    due = Math.min(due, next.at)
  }

  const insert = (data: T) => {
    const entry: Entry<T> = { data }
    entries.push(entry)
    byId.set(data.id, entry)
    enter?.(data)
    if (data.steps.length === 0) return entry
    moving.add(entry)
    due = Math.min(due, data.steps[0]!.at)
    return entry
  }

  for (const data of contents.items) insert(data)

  return {
    entries: entries as ReadonlyArray<Entry<T>>,
    indexAfter,
    has: (id: string) => byId.has(id),
    find: (id: string) => byId.get(id),
    newSeq: () => nextSeq++,
    /** Takes the steps of all records that are due by now. */
    settle (now: number) {
      if (now < due) return
      due = Infinity
      for (const entry of [...moving]) take(entry, now)
    },
    /** Adds a record, which is the last now, and takes what is due of its steps. */
    add (data: T) {
      const entry = insert(data)
      take(entry, Date.now())
      return entry
    },
    /** Sets fields of a record. */
    set (entry: Entry<T>, fields: Partial<T>) {
      replace(entry, { ...entry.data, ...fields, updated_at: Date.now() })
    },
    /** Gives a record new steps in place of those it had, and takes what is due of them. */
    move (entry: Entry<T>, steps: T['steps']) {
      replace(entry, { ...entry.data, steps })
      take(entry, Date.now())
    },
    remove,
    /** Ids of what an operation created, whether it is still there or gone. */
    createdBy (operation: string) {
      return [
        ...entries.filter(({ data }) => data.operation === operation).map(({ data }) => data.id),
        ...departed.filter((gone) => gone.operation === operation).map(({ id }) => id)
      ]
    },
    /** Its part of the state file; what did not change since the last time is not written anew. */
    toJson (name: string) {
      const lines = entries.map((entry) => (entry.line ??= JSON.stringify(entry.data)))
      return `"next_seq":${nextSeq},"departed":${JSON.stringify(departed)},"${name}":[\n${lines.join(',\n')}\n]`
    }
  }
}

export type Collection<T extends Stored> = ReturnType<typeof createCollection<T>>
