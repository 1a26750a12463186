import { ProblemError, type FieldError } from '../openapi/model/index.ts'

/** The tag that carries an operation's id into a cloud that has no better place for it, so that a lost create is found again. */
export const operationKey = 'orchestrator:operation'

/** Tags as they are shown: without the one that is ours. */
export function toTags (kept: Record<string, string> = {}): Record<string, string> {
  if (kept[operationKey] === undefined) return kept
  const { [operationKey]: _, ...tags } = kept
  return tags
}

/** What a cloud takes as tags. */
export interface TagRules {
  key: RegExp
  /** What `key` is, in words. */
  words: string
  /** Characters that a value may have. */
  value: number
}

/** Where a tag is in a request. */
export const pointerOf = (name: string) => `/tags/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

function fault (name: string, value: string | null, { key, words, value: longest }: TagRules): string | undefined {
  if (name === operationKey) return 'is kept by this server and cannot be set'
  if (!key.test(name)) return `has a key that this cloud does not take: ${words}`
  if (value !== null && [...value].length > longest) return `is longer than ${longest} characters, the most that this cloud takes`
  return undefined
}

/** Refuses tags that the cloud would refuse, each by its name. Throws validation_failed. */
export function checkTags (tags: Readonly<Record<string, string | null>>, rules: TagRules) {
  const errors = Object.entries(tags).flatMap(([name, value]): FieldError[] => {
    const message = fault(name, value, rules)
    return message === undefined ? [] : [{ in: 'body', pointer: pointerOf(name), message }]
  })
  if (errors.length > 0) throw new ProblemError('validation_failed', 'The cloud cannot keep these tags', { errors })
}
