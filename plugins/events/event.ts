import type { EventType } from '../../openapi/model/index.ts'

/**
 * Events that no client sees. They tell the other servers what to forget. `changed`: a service of a cloud was changed;
 * `credentials`: a key or a user was changed; `assignments`: fields of assignments that no client sees.
 */
export type InternalType =
  | 'internal.changed'
  | 'internal.credentials'
  | 'internal.assignments'
  | 'internal.webhooks'

/** An event to write. `resource` is a path in the API. */
export interface NewEvent {
  /** A uuid. An event that is written again after a failed commit keeps its id, and so is stored once. */
  id: string
  type: EventType | InternalType
  cloud: string | null
  resource: string | null
  /** JSON. Operations and assignments as their rows have them, since callers see different fields of them. */
  content: object
}

/**
 * A place in the order of the events. On PostgreSQL this is the transaction and the number of the row, since numbers of
 * a sequence become visible out of order. On SQLite `xid` is 0.
 */
export interface Position {
  xid: number
  seq: number
}

/** An event in the store. */
export interface StoredEvent extends Omit<NewEvent, 'type'> {
  type: string
  position: Position
  /** RFC 3339, by the clock of the server that wrote it. */
  time: string
  /** The server process that wrote it; null for a command. */
  server: string | null
  /** Characters of the content in the store. */
  size: number
}

export const isInternal = ({ type }: Pick<StoredEvent, 'type'>) => type.startsWith('internal.')

/** Negative if the first position is before the second, 0 if they are the same. */
export const comparePositions = (one: Position, other: Position) =>
  one.xid - other.xid || one.seq - other.seq

/** The text of a position, as the store keeps it. */
export const positionText = ({ xid, seq }: Position) => `${xid.toString(36)}-${seq.toString(36)}`

/** Reads the text of a position; undefined if it is none. */
export function readPosition (text: string): Position | undefined {
  const [, xid, seq] = /^([0-9a-z]{1,11})-([0-9a-z]{1,11})$/.exec(text) ?? []
  if (xid === undefined || seq === undefined) return undefined
  const position = { xid: parseInt(xid, 36), seq: parseInt(seq, 36) }
  const isSafe = Number.isSafeInteger(position.xid) && Number.isSafeInteger(position.seq)
  return isSafe ? position : undefined
}
