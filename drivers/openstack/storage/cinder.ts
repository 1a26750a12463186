import { defres } from 'openstack-client'
import type { Bound } from '../client/bind.ts'
import { metadataActions } from '../client/resources.ts'

const one = { only: ['show', 'create', 'update', 'del'] } as const

/** The calls of Cinder v3. Those of openstack-client are of version 2. */
export const cinder = {
  volume: {
    ...defres('volume', '/volumes', 'volume', one),
    ...defres('volume', '/volumes/detail', 'volume', { only: ['list'] })
  },
  volumeAction: defres('volume', '/volumes/:id/action', null, { only: ['create'] }),
  attachment: defres('volume', '/attachments', 'attachment', { only: ['list'] }),
  volumeMetadata: defres('volume', '/volumes/:id/metadata', 'metadata', metadataActions),
  snapshot: {
    ...defres('volume', '/snapshots', 'snapshot', one),
    ...defres('volume', '/snapshots/detail', 'snapshot', { only: ['list'] })
  },
  snapshotMetadata: defres('volume', '/snapshots/:id/metadata', 'metadata', metadataActions),
  type: defres('volume', '/types', 'volume_type', { only: ['list', 'show'] }),
  limits: defres('volume', '/limits', 'limits', { only: [], read: ['get', '', 'limits'] })
}

/** The differences between the versions of Cinder. */
export interface Dialect {
  /** The names of these fields in requests and filters. */
  name: 'name' | 'display_name'
  description: 'description' | 'display_description'
  /** Whether lists have markers and accept a limit. */
  paged: boolean
  /** Whether lists have filters other than the name. */
  filtered: boolean
}

export const cinderV3: Dialect = {
  name: 'name',
  description: 'description',
  paged: true,
  filtered: true
}

/**
 * Version 1 has no markers. The items behind a `limit` can be reached only by an offset, which each
 * deletion moves. So lists are read without a limit, which returns up to a thousand items, and by
 * offset beyond those. From `cinder/api/v1` of the release Juno.
 */
export const cinderV1: Dialect = {
  name: 'display_name',
  description: 'display_description',
  paged: false,
  filtered: false
}

/** Items in one answer of a list, by Cinder's default. */
const maxItems = 1000

/**
 * Makes the function that reads a page. If the lists of the dialect have no markers, a token is an
 * offset.
 */
export function createPageReader<T extends object> (
  { page, list }: Pick<Bound<T>, 'page' | 'list'>,
  { paged }: Dialect
): Bound<T>['page'] {
  if (paged) return page
  return async ({ limit: _, ...query }, token, call) => {
    const offset = token === null ? 0 : Number(token)
    const { items } = await list({ ...query, offset: offset === 0 ? undefined : offset }, call)
    return { items, next: items.length < maxItems ? null : String(offset + items.length) }
  }
}
