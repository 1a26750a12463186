import { ProblemError, type FieldError } from '../../openapi/model/index.ts'

/** The metadata key that carries an operation's id into the cloud, so that a lost create is found again. */
export const operationKey = 'orchestrator:operation'

/** A server's metadata as tags: without the key that is ours. */
export function toTags (metadata: Record<string, string> = {}): Record<string, string> {
  if (metadata[operationKey] === undefined) return metadata
  const { [operationKey]: _, ...tags } = metadata
  return tags
}

/** What Nova accepts as a metadata key (`nova/api/validation/parameter_types.py`); a value has at most 255 characters. */
const novaKey = { form: /^[a-zA-Z0-9\-_:. ]{1,255}$/, words: 'letters, digits and -_:. up to 255' }
/** Cinder takes any. */
export const cinderKey = { form: /^.{1,255}$/su, words: 'up to 255 characters' }
const longest = 255

/** Where a tag is in a request. */
export const pointerOf = (name: string) => `/tags/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

function fault (name: string, value: string | null, key: typeof novaKey): string | undefined {
  if (name === operationKey) return 'is kept by this server and cannot be set'
  if (!key.form.test(name)) return `has a key that this cloud does not take: ${key.words}`
  if (value !== null && [...value].length > longest) return `is longer than ${longest} characters, the most that this cloud takes`
  return undefined
}

/** Refuses tags that the metadata of Nova, or of Cinder, would refuse, each by its name. Throws validation_failed. */
export function checkTags (tags: Readonly<Record<string, string | null>>, key = novaKey) {
  const errors = Object.entries(tags).flatMap(([name, value]): FieldError[] => {
    const message = fault(name, value, key)
    return message === undefined ? [] : [{ in: 'body', pointer: pointerOf(name), message }]
  })
  if (errors.length > 0) throw new ProblemError('validation_failed', 'The cloud cannot keep these tags', { errors })
}

/** Glance keeps tags as a list: `key=value`, or a word that others have put there. */
export function fromTagList (list: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(list.map((tag) => {
    const at = tag.indexOf('=')
    return at < 1 ? [tag, ''] : [tag.slice(0, at), tag.slice(at + 1)]
  }))
}
