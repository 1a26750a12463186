import { defres, type Read, type Write } from 'openstack-client'
import type { Call } from '../../call.ts'
import type { ResourceRef } from '../../driver.ts'
import { encodeId, type Client } from '../client/client.ts'
import type { MetadataCalls } from '../client/metadata.ts'
import { readFrom } from '../client/paging.ts'
import { operationKey } from '../../tags.ts'

interface Calls {
  show: Read<[id: string]>
  create: Write
  update: Write<[id: string]>
  del: Write<[id: string]>
}

type Listing = { list: Read }

const one = { only: ['show', 'create', 'update', 'del'] }
const metadataActions = { only: ['create'], read: ['get', '', 'metadata'], replace: ['put', '', 'metadata'] }

/** The calls of Cinder v3: openstack-client's own are of the version before. */
export const cinder = {
  volume: defres<Calls>('volume', '/volumes', 'volume', one),
  volumeDetail: defres<Listing>('volume', '/volumes/detail', 'volume', { only: ['list'] }),
  volumeAction: defres<{ create: Write<[id: string]> }>('volume', '/volumes/:id/action', null, { only: ['create'] }),
  volumeMetadata: defres<MetadataCalls>('volume', '/volumes/:id/metadata', 'metadata', metadataActions),
  snapshot: defres<Calls>('volume', '/snapshots', 'snapshot', one),
  snapshotDetail: defres<Listing>('volume', '/snapshots/detail', 'snapshot', { only: ['list'] }),
  snapshotMetadata: defres<MetadataCalls>('volume', '/snapshots/:id/metadata', 'metadata', metadataActions),
  type: defres<Listing & Pick<Calls, 'show'>>('volume', '/types', 'volume_type', { only: ['list', 'show'] }),
  limits: defres<{ read: Read }>('volume', '/limits', 'limits', { only: [], read: ['get', '', 'limits'] })
}

/** What the versions of Cinder do differently. */
export interface Dialect {
  /** What the name and the description of a thing are called in requests and filters. */
  name: 'name' | 'display_name'
  description: 'description' | 'display_description'
  /** Whether lists have markers, and may be cut where the caller wants. */
  paged: boolean
  /** Whether lists can be filtered by more than names. */
  filtered: boolean
}

export const cinderV3: Dialect = { name: 'name', description: 'description', paged: true, filtered: true }

/**
 * Version 1 has no markers: what a `limit` cuts off is reached by an offset only, which moves with each deletion. Asked for
 * without one it lists all, up to a thousand, and what is behind those is read by offset. From `cinder/api/v1` of the
 * release Juno.
 */
export const cinderV1: Dialect = { name: 'display_name', description: 'display_description', paged: false, filtered: false }

const upstream = { service: 'volume' } as const

/** What Cinder keeps metadata of. */
export interface Described {
  id: string
  metadata?: Record<string, string>
}

/** A page at a token of `readFrom`, or of `readAt` where there are no markers. */
export function readPage<T extends { id: string }> (
  client: Client, { list }: Listing, query: Record<string, unknown>, token: string | null, call: Call, { paged } = cinderV3
) {
  const read = (place: { marker?: string, offset?: number }) => client.list<T>(upstream, call, (access, region, headers) =>
    list(access, region, { ...query, ...(paged ? {} : { limit: undefined }), ...place }, headers))
  return paged ? readFrom(token, read) : readAt(token, read)
}

/** The most that a list has in one answer, by Cinder's default. */
const most = 1000

/** Reads from the offset that a token is. A list that is full may go on. */
async function readAt<T> (token: string | null, read: (place: { offset?: number }) => Promise<{ items: T[] }>) {
  const offset = token === null ? 0 : Number(token)
  const { items } = await read(offset === 0 ? {} : { offset })
  return { items, next: items.length < most ? null : String(offset + items.length) }
}

/** One of Cinder's things. Throws resource_not_found. */
export const readOne = <T extends object>(client: Client, { show }: Pick<Calls, 'show'>, id: string, call: Call) =>
  client.show<T>(upstream, call, (token, region, headers) => show(token, region, encodeId(id), {}, headers))

/** Those that carry the id of an operation in their metadata. */
export async function findMade<T extends Described> (
  client: Client, calls: Listing, query: Record<string, unknown>, { operation, kind }: { operation: string, kind: ResourceRef['kind'] }, call: Call,
  dialect = cinderV3
): Promise<ResourceRef[]> {
  const found: ResourceRef[] = []
  let token: string | null = null
  do {
    const page: { items: T[], next: string | null } = await readPage<T>(client, calls, { ...query, limit: 1000 }, token, call, dialect)
    const made = page.items.filter(({ metadata }) => metadata?.[operationKey] === operation)
    found.push(...made.map(({ id }) => ({ kind, id })))
    token = page.next
  } while (token !== null)
  return found
}
