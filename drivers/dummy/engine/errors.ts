import type { FieldError } from '../../../openapi/model/index.ts'
import { fieldError, rejectFields } from '../../common/invalid.ts'

/** Returns the error of one field, or an empty list if the condition holds. */
export const errorUnless = (holds: boolean, pointer: string, message: string): FieldError[] =>
  holds ? [] : [fieldError(pointer, message)]

export const mustBeIdOf = (noun: string) => `must be the id of ${noun} of this cloud`

export function assertField (holds: boolean, pointer: string, message: string): asserts holds {
  rejectFields(errorUnless(holds, pointer, message))
}

const maxTags = 200

/** The limits of a method with tags, for its capability. */
export const tagLimits = { tags: maxTags }

function mergeTags (tags: Record<string, string>, patch?: Record<string, string | null>) {
  if (patch === undefined) return tags
  const merged = Object.entries({ ...tags, ...patch })
    .filter((tag): tag is [string, string] => tag[1] !== null)
  assertField(merged.length <= maxTags, '/tags', `must leave ${maxTags} tags at most`)
  return Object.fromEntries(merged)
}

interface Labels<Name> {
  name: Name
  tags: Record<string, string>
}

interface LabelsPatch<Name> {
  name?: Name
  tags?: Record<string, string | null>
}

/** Applies a merge patch. Throws validation_failed if there are too many tags. */
export function mergeLabels<Name> (labels: Labels<Name>, patch: LabelsPatch<Name>): Labels<Name> {
  const { name = labels.name, tags } = patch
  return { name, tags: mergeTags(labels.tags, tags) }
}

/** Returns the entry that a request refers to. Throws validation_failed if it does not exist. */
export function findReferenced<Entry> (
  collection: { find(id: string): Entry | undefined },
  id: string,
  pointer: string,
  noun: string
): Entry {
  const entry = collection.find(id)
  assertField(entry !== undefined, pointer, mustBeIdOf(noun))
  return entry
}
