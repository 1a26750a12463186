import { ProblemError, type FieldError } from '../../../openapi/model/index.ts'

export const fieldError = (pointer: string, message: string): FieldError => ({ in: 'body', pointer, message })

/** Returns the error of one field, or an empty list if the condition holds. */
export const errorUnless = (holds: boolean, pointer: string, message: string): FieldError[] =>
  holds ? [] : [fieldError(pointer, message)]

/** Throws validation_failed with all the errors; returns if the list is empty. */
export function rejectFields (errors: FieldError[]) {
  if (errors.length === 0) return
  const detail = errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; ')
  throw new ProblemError('validation_failed', detail, { errors })
}

/** Throws validation_failed for one field unless the condition holds. */
export function assertField (holds: boolean, pointer: string, message: string): asserts holds {
  rejectFields(errorUnless(holds, pointer, message))
}

/** The maximum number of tags of a resource. */
export const maxTags = 200

/** Applies a merge patch to tags. Throws validation_failed if the result has too many. */
export function mergeTags (tags: Record<string, string>, patch?: Record<string, string | null>) {
  if (patch === undefined) return tags
  const merged = Object.entries({ ...tags, ...patch }).filter((tag): tag is [string, string] => tag[1] !== null)
  assertField(merged.length <= maxTags, '/tags', `must leave ${maxTags} tags at most`)
  return Object.fromEntries(merged)
}
