import type { StoredEvent } from '../events/event.ts'
import { createEventId, createEventWriter } from '../events/writer.ts'
import type { Store } from '../store/tables.ts'

/** A key or a user, by its id, of which no server may trust its memory any longer. */
export type ChangedCredential =
  | { key: string, user?: undefined }
  | { user: string, key?: undefined }

/** Creates the function that returns what tells other servers of a change, for the same commit. */
export function createCredentialChanges (store: Store) {
  // Commands change credentials too, so that the event has no server.
  const write = createEventWriter(store, null)
  return (content: ChangedCredential) =>
    write([
      { id: createEventId(), type: 'internal.credentials', cloud: null, resource: null, content }
    ])
}

/** The credential of which an event tells; undefined if it tells of something else. */
export const changedCredential = ({ type, content }: StoredEvent) =>
  type === 'internal.credentials' ? content as ChangedCredential : undefined
