import { maxDeparted, type BaseRecord, type RemovedRecord } from './collection.ts'
import type { CollectionState, StateFile } from './records.ts'

/** The changes of one collection in a line of the log. */
interface CollectionChanges {
  next_seq: number
  set: BaseRecord[]
  gone: RemovedRecord[]
}

/** A line of the log: the generation of the state file that it follows, and changes by collection. */
type LogLine = { base: number } & Record<string, CollectionChanges>

/** Applies changes to a collection. Changes that it has already make no difference. */
function applyChanges (
  state: CollectionState<BaseRecord>,
  { next_seq: nextSeq, set, gone }: CollectionChanges
) {
  const items = new Map(state.items.map((item) => [item.id, item]))
  for (const item of set) items.set(item.id, item)
  const known = new Set(state.departed.map(({ id }) => id))
  const departed = [...state.departed]
  for (const { id, operation } of gone) {
    items.delete(id)
    if (operation !== null && !known.has(id)) departed.push({ operation, id })
  }
  return {
    next_seq: Math.max(state.next_seq, nextSeq),
    departed: departed.slice(-maxDeparted),
    items: [...items.values()].sort((a, b) => a.seq - b.seq)
  }
}

/** Joins the changes of all lines, so that each collection is rebuilt once. */
function joinChanges (lines: readonly LogLine[]) {
  const changes = new Map<string, CollectionChanges>()
  for (const { base, ...collections } of lines) {
    for (const [name, { next_seq: nextSeq, set, gone }] of Object.entries(collections)) {
      const before = changes.get(name) ?? { next_seq: 0, set: [], gone: [] }
      before.set.push(...set)
      before.gone.push(...gone)
      changes.set(name, { ...before, next_seq: nextSeq })
    }
  }
  return changes
}

/** Reads the lines of a log. A last line that is not complete was never acknowledged. Throws if a line is damaged. */
export function parseLog (text: string, generation: number): LogLine[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as LogLine).filter(({ base }) => base === generation)
}

/** Returns a state with the changes of its log. */
export function applyLog (state: StateFile, lines: readonly LogLine[]): StateFile {
  const { next_seq: nextSeq, departed, nodes, collections = {}, ...rest } = state
  let top: CollectionState<BaseRecord> = { next_seq: nextSeq, departed, items: nodes }
  const others = { ...collections } as Record<string, CollectionState<BaseRecord>>
  for (const [name, changes] of joinChanges(lines)) {
    if (name === 'nodes') top = applyChanges(top, changes)
    else {
      others[name] = applyChanges(
        others[name] ?? { next_seq: 0, departed: [], items: [] },
        changes
      )
    }
  }
  return {
    ...rest,
    next_seq: top.next_seq,
    departed: top.departed,
    nodes: top.items as StateFile['nodes'],
    collections: others as NonNullable<StateFile['collections']>
  }
}
