import type { Call } from '../../call.ts'
import type { Bound, ChangeOptions } from './bind.ts'

/** A merge patch of tags: null removes a tag. */
export type TagPatch = Readonly<Record<string, string | null>>

/**
 * Applies a merge patch to the metadata of an object. Adding keys takes one call. To remove keys,
 * the whole map is read and written, with our own key; a concurrent change by another client may
 * get lost.
 */
export async function patchMetadata (
  metadata: Bound<Record<string, string>>,
  id: string,
  patch: TagPatch,
  call: Call,
  options?: ChangeOptions
) {
  if (!Object.values(patch).includes(null)) return metadata.post(id, patch, call, options)
  const merged = { ...await metadata.show(id, call), ...patch }
  const remaining = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null))
  return metadata.update(id, remaining, call, options)
}

/** Converts a time of Nova or Cinder, `2026-01-31T12:00:00.000000`, which is UTC but does not say so. */
export function toTimestamp (time: string | null | undefined) {
  if (typeof time !== 'string' || time === '') return null
  return /Z$|[+-]\d\d:\d\d$/.test(time) ? time : `${time.slice(0, 23)}Z`
}
