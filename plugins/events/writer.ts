import { v5 as namedUuid, v7 as uuid } from '#uuid'
import { namesOf, prepare } from '../store/prepared.ts'
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
  const insert = prepare<keyof Columns>(
    store.insertInto('events').values(namesOf<Columns>(columns))
      .onConflict((conflict) => conflict.column('id').doNothing())
  )
  const isWritten = (event: NewEvent) => store.kind === 'postgres' || !isInternal(event)
  return (events) => {
    const time = new Date().toISOString()
    return events.filter(isWritten).map(({ content, ...event }) => ({
      ...insert({ ...event, created_at: time, server, content: JSON.stringify(content) }),
      isEvent: true
    }))
  }
}
