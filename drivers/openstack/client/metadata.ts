import type { Read, Write } from 'openstack-client'
import type { Call } from '../../call.ts'
import type { Bound, ChangeOptions } from './bind.ts'
import type { Service } from './catalog.ts'
import { encodeId, type Client } from './client.ts'

/** The metadata of one thing, as Nova and Cinder have it. */
export interface MetadataCalls {
  read: Read<[id: string]>
  /** Sets the keys given, and leaves the others. */
  create: Write<[id: string]>
  /** Puts a whole new map in the place of the old one. */
  replace: Write<[id: string]>
}

/** Tags of a merge patch. */
export type TagPatch = Readonly<Record<string, string | null>>

/** A merge patch onto what is there. */
export const mergeMetadata = (metadata: Readonly<Record<string, string>>, patch: TagPatch) =>
  Object.fromEntries(Object.entries({ ...metadata, ...patch }).filter(([, value]) => value !== null))

/**
 * Applies a merge patch to the metadata of an object. Adding keys takes one call. To remove keys, the whole map is read
 * and written, with our own key; a concurrent change by another client may get lost.
 */
export async function patchMetadata (
  metadata: Bound<Record<string, string>>, id: string, patch: TagPatch, call: Call, options?: ChangeOptions
) {
  if (!Object.values(patch).includes(null)) return metadata.post(id, patch, call, options)
  return metadata.update(id, mergeMetadata(await metadata.show(id, call), patch), call, options)
}

/**
 * Makes the function that patches metadata. Keys can be added in one call; to remove some, the whole map, our own key
 * included, is read and written, and a writer in between may lose.
 */
export function createRetag (client: Client, service: Service, calls: MetadataCalls) {
  return async (id: string, patch: TagPatch, call: Call) => {
    const removal = Object.values(patch).includes(null)
    const metadata = removal ? mergeMetadata(await read(id, call), patch) : patch
    const send = removal ? calls.replace : calls.create
    await client.change({ service }, call, (token, region, headers) => send(token, region, encodeId(id), metadata, {}, headers))
  }

  function read (id: string, call: Call) {
    return client.show<Record<string, string>>({ service }, call, (token, region, headers) =>
      calls.read(token, region, encodeId(id), {}, headers))
  }
}

/** Converts a time of Nova or Cinder, `2026-01-31T12:00:00.000000`, which is UTC but does not say so. */
export function toTimestamp (time: string | null | undefined) {
  if (typeof time !== 'string' || time === '') return null
  return /Z$|[+-]\d\d:\d\d$/.test(time) ? time : `${time.slice(0, 23)}Z`
}
