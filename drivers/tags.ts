import { ProblemError, type FieldError } from '../openapi/model/index.ts'

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

/** The keys of tags that a cloud accepts. The server itself enforces the limit of the values, `tag_characters`. */
export interface TagRules {
  key: RegExp
  /** Describes `key` in a message. */
  words: string
}

/** The JSON Pointer of a tag in a request. */
export const pointerOf = (name: string) => `/tags/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

function errorOf (name: string, { key, words }: TagRules): string | undefined {
  if (name === operationKey) return 'is reserved for this server and cannot be set'
  return key.test(name) ? undefined : `has a key that this cloud does not accept: ${words}`
}

/** Checks the keys of tags. Throws validation_failed with every tag that the cloud does not accept. */
export function checkTags (tags: Readonly<Record<string, string | null>>, rules: TagRules) {
  const errors = Object.keys(tags).flatMap((name): FieldError[] => {
    const message = errorOf(name, rules)
    return message === undefined ? [] : [{ in: 'body', pointer: pointerOf(name), message }]
  })
  if (errors.length > 0) throw new ProblemError('validation_failed', 'The cloud does not accept these tags', { errors })
}
