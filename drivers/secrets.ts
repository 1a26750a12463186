import { ProblemError, type ProblemDetails } from '../openapi/model/index.ts'

/** The secrets of one connection. Nothing that leaves the driver contains them. */
export interface Secrets {
  /** Adds a secret, such as a token that was just issued. Ignores undefined and texts too short to be a secret. */
  add (secret: string | undefined): void
  /** Replaces every secret in a text, also in encoded form, and `user:password@` in URLs. */
  mask (text: string): string
  /** Masks the texts in a value. Returns the same value if there is nothing to mask. */
  maskDeep<T> (value: T): T
  /** Masks an error of any kind in place, with its stack, and its causes. */
  maskError (error: unknown): void
}

export const masked = '***'

/** A shorter text would be masked in unrelated words. */
const minLength = 5

/** The number of secrets that are remembered. Tokens expire; the oldest are forgotten first. */
const maxSecrets = 64

const urlCredentials = /(\/\/)[^/\s@:]+:[^/\s@]+@/g

/** The forms in which a provider may repeat a secret: as it is, in a URL, in JSON, in base64. */
const formsOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  new URLSearchParams([['', secret]]).toString().slice(1),
  Buffer.from(secret).toString('base64')
]

export function createSecrets (): Secrets {
  const forms = new Map<string, string[]>()

  const mask = (text: string) => {
    let result = text.includes('@') ? text.replace(urlCredentials, `$1${masked}@`) : text
    for (const list of forms.values()) {
      for (const form of list) if (result.includes(form)) result = result.replaceAll(form, masked)
    }
    return result
  }

  const maskDeep = <T>(value: T, depth = 0): T => {
    if (typeof value === 'string') return mask(value) as T
    if (typeof value !== 'object' || value === null || depth > 20) return value
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => maskDeep(item, depth + 1))
      return items.some((item, i) => item !== value[i]) ? items as T : value
    }
    const entries = Object.entries(value).map(([key, item]) => [mask(key), maskDeep(item, depth + 1)] as const)
    const hasChanged = entries.some(([key, item]) => item !== (value as Record<string, unknown>)[key])
    return hasChanged ? Object.fromEntries(entries) as T : value
  }

  const maskError = (error: unknown) => {
    let current = error
    for (let depth = 0; current instanceof Error && depth < 10; depth++) {
      current.message = mask(current.message)
      if (current.stack !== undefined) current.stack = mask(current.stack)
      if (current instanceof ProblemError) {
        const details: { details: ProblemDetails } = { details: maskDeep(current.details) }
        Object.assign(current, details)
      }
      current = current.cause
    }
  }

  return {
    add (secret) {
      if (secret === undefined || secret.length < minLength) return
      // A secret that is added again counts as new.
      forms.delete(secret)
      forms.set(secret, [...new Set(formsOf(secret))])
      const [oldest] = forms.keys()
      if (forms.size > maxSecrets) forms.delete(oldest!)
    },
    mask,
    maskDeep: (value) => maskDeep(value),
    maskError
  }
}

interface SettingSchema {
  format?: string
  properties?: Record<string, SettingSchema>
}

/** Collects the values of all settings whose schema has the format `password`. */
export function findSecrets ({ format, properties = {} }: SettingSchema, value: unknown): string[] {
  if (typeof value === 'string') return format === 'password' ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(properties).flatMap(([name, schema]) =>
    findSecrets(schema, (value as Record<string, unknown>)[name]))
}
