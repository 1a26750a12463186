import { escapeStep, fieldError, rejectFields } from './invalid.ts'

/**
 * The tag that stores the id of an operation in the cloud, so that a lost create can be found. For clouds that have no
 * better place for it.
 */
export const operationKey = 'orchestrator:operation'

/** Returns the tags of a resource without the tag of this server. */
export function toTags (tags: Record<string, string> = {}): Record<string, string> {
  if (tags[operationKey] === undefined) return tags
  const { [operationKey]: _, ...others } = tags
  return others
}

/** The tags that a cloud accepts. The server itself enforces the limit of the values, `tag_characters`. */
export interface TagRules {
  key: RegExp
  /** Describes `key` in a message. */
  words: string
  /** For clouds that do not accept every character in a value. */
  value?: RegExp
  /** Describes `value` in a message. */
  valueWords?: string
}

/** The JSON Pointer of a tag in a request. */
export const pointerOf = (name: string) => `/tags/${escapeStep(name)}`

type TagPatch = Readonly<Record<string, string | null>>

/** Throws validation_failed with every tag for which `faultOf` returns a message. */
export function rejectTags (
  tags: TagPatch = {},
  faultOf: (key: string, value: string | null) => string | undefined
) {
  rejectFields(
    Object.entries(tags).flatMap(([key, value]) => {
      const message = faultOf(key, value)
      return message === undefined ? [] : [fieldError(pointerOf(key), message)]
    })
  )
}

/** Checks the keys and values of tags. Throws validation_failed with every tag that the cloud does not accept. */
export function checkTags (
  tags: TagPatch | undefined,
  { key, words, value: valuePattern, valueWords = '' }: TagRules
) {
  rejectTags(tags, (name, value) => {
    if (name === operationKey) return 'is reserved for this server and cannot be set'
    if (!key.test(name)) return `has a key that this cloud does not accept; expected: ${words}`
    if (value === null || valuePattern === undefined || valuePattern.test(value)) return undefined
    return `has a value that this cloud does not accept; expected: ${valueWords}`
  })
}
