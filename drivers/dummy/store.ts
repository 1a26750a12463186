import type { Node } from '../../openapi/model/index.ts'
import { sizes } from './catalog.ts'
import type { Step, StoredNode, StoredState } from './stored.ts'

/** A node in the store. `data` is replaced at each change, never changed; what was made of it goes with it. */
export interface Entry {
  data: StoredNode
  view?: Node | undefined
  /** Its JSON in the state file. */
  line?: string | undefined
}

export interface Usage {
  nodes: number
  vcpus: number
  ram: number
}

/** Nodes gone that are remembered for the sake of lost creates. */
const mostDeparted = 1000

/** The node as it is after all steps that are due; undefined where it is gone by then. */
function advance (data: StoredNode, now: number): StoredNode | undefined {
  let next = data
  for (const { at, then: { launched, gone, ...fields } } of data.steps) {
    if (at > now) break
    if (gone) return undefined
    next = { ...next, ...fields, steps: next.steps.slice(1), updated_at: at, ...(launched ? { launched_at: at } : {}) } as StoredNode
  }
  return next
}

/**
 * The nodes of one cloud in the order of their creation. Time is looked at when the store is: `settle` takes every step
 * that is due, which is one comparison where none is.
 */
export function createStore (state: StoredState) {
  const entries: Entry[] = []
  const byId = new Map<string, Entry>()
  const moving = new Set<Entry>()
  const taken = new Set<string>()
  const usage: Usage = { nodes: 0, vcpus: 0, ram: 0 }
  const departed = [...state.departed]
  let nextSeq = state.next_seq
  /** When the first step of all is due. */
  let due = Infinity

  const count = ({ size_id: sizeId }: StoredNode, sign: 1 | -1) => {
    const size = sizes.get(sizeId)
    usage.nodes += sign
    usage.vcpus += sign * (size?.vcpus ?? 0)
    usage.ram += sign * (size?.ram ?? 0)
  }

  /** Index of the first node created after this one. */
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

  const remove = (entry: Entry) => {
    const { id, seq, nics, operation } = entry.data
    entries.splice(indexAfter(seq) - 1, 1)
    byId.delete(id)
    moving.delete(entry)
    for (const { address } of nics) taken.delete(address)
    count(entry.data, -1)
    if (operation === null) return
    departed.push({ operation, id })
    if (departed.length > mostDeparted) departed.shift()
  }

  const replace = (entry: Entry, data: StoredNode) => {
    count(entry.data, -1)
    count(data, 1)
    entry.data = data
    entry.view = entry.line = undefined
  }

  const take = (entry: Entry, now: number) => {
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

  const insert = (data: StoredNode) => {
    const entry: Entry = { data }
    entries.push(entry)
    byId.set(data.id, entry)
    for (const { address } of data.nics) taken.add(address)
    count(data, 1)
    if (data.steps.length === 0) return entry
    moving.add(entry)
    due = Math.min(due, data.steps[0]!.at)
    return entry
  }

  for (const data of state.nodes) insert(data)

  return {
    entries: entries as readonly Entry[],
    taken: taken as ReadonlySet<string>,
    usage: usage as Readonly<Usage>,
    indexAfter,
    has: (id: string) => byId.has(id),
    find: (id: string) => byId.get(id),
    newSeq: () => nextSeq++,
    /** Takes the steps of all nodes that are due by now. */
    settle () {
      const now = Date.now()
      if (now < due) return
      due = Infinity
      for (const entry of [...moving]) take(entry, now)
    },
    add (data: StoredNode) { take(insert(data), Date.now()) },
    /** Sets fields of a node. */
    set (entry: Entry, fields: Partial<StoredNode>) {
      replace(entry, { ...entry.data, ...fields, updated_at: Date.now() })
    },
    /** Gives a node new steps in place of those it had, and takes what is due of them. */
    move (entry: Entry, steps: Step[]) {
      replace(entry, { ...entry.data, steps })
      take(entry, Date.now())
    },
    /** Ids of what an operation created, whether it is still there or gone. */
    createdBy (operation: string) {
      return [
        ...entries.filter(({ data }) => data.operation === operation).map(({ data }) => data.id),
        ...departed.filter((gone) => gone.operation === operation).map(({ id }) => id)
      ]
    },
    /** The content of the state file; what did not change since the last time is not written anew. */
    toJson () {
      const lines = entries.map((entry) => (entry.line ??= JSON.stringify(entry.data)))
      return `{"version":1,"next_seq":${nextSeq},"departed":${JSON.stringify(departed)},"nodes":[\n${lines.join(',\n')}\n]}\n`
    }
  }
}

export type Store = ReturnType<typeof createStore>
