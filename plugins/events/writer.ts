import { v5 as namedUuid, v7 as uuid } from '#uuid'
import { prepare } from '../store/prepared.ts'
import type { CommitStatement, Store, Tables } from '../store/tables.ts'
import { isInternal, type NewEvent } from './event.ts'

const columns = ['id', 'created_at', 'type', 'cloud', 'resource', 'server', 'content'] as const
type Columns = Pick<Tables['events'], typeof columns[number]>

/** The namespace of the ids that are made of texts (RFC 9562, section 5.5). */
const namespace = '5cf3ff25-1a1b-4b0e-9d77-0a7f4a1f8a5e'

/** An id for an event that happens once. */
export const createEventId = () => uuid()

/** The id of an event that these texts identify: the same texts give the same id. */
export const eventIdOf = (...texts: readonly (string | number)[]) =>
  namedUuid(texts.join(' '), namespace)

/** Returns the changes of the store that write events, for the same commit as what they report. */
export type EventWriter = (events: readonly NewEvent[]) => CommitStatement[]

/**
 * Creates the writer of a server process, or of a command (null). An event that is in the store already is not written
 * again. A store on SQLite has one server, which needs no internal events.
 */
export function createEventWriter (store: Store, server: string | null): EventWriter {
  const compiled = new Map<number, ReturnType<typeof prepare>>()

  /** Compiles the insert of so many rows: a commit may run its statements in any order, but not the rows of one. */
  const insertOf = (count: number) => {
    const known = compiled.get(count)
    if (known !== undefined) return known
    const rows = Array.from({ length: count }, (_, row) =>
      Object.fromEntries(columns.map((column) => [column, `${row} ${column}`])) as unknown as Columns
    )
    const insert = prepare(
      store.insertInto('events').values(rows)
        .onConflict((conflict) => conflict.column('id').doNothing())
    )
    compiled.set(count, insert)
    return insert
  }
  const isWritten = (event: NewEvent) => store.kind === 'postgres' || !isInternal(event)
  return (events) => {
    const time = new Date().toISOString()
    const rows = events.filter(isWritten).map(({ content, ...event }) =>
      ({ ...event, created_at: time, server, content: JSON.stringify(content) })
    )
    if (rows.length === 0) return []
    const values = rows.flatMap((row, i) =>
      columns.map((column) => [`${i} ${column}`, row[column]] as const)
    )
    return [{ ...insertOf(rows.length)(Object.fromEntries(values)), isEvent: true }]
  }
}
