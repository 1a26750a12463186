import type { Log } from './call.ts'

/** The secrets of one connection. Nothing that leaves the driver contains them. */
export interface Secrets {
  /** Adds a secret, such as a token that was just issued. Ignores undefined and texts too short to be a secret. */
  add(secret: string | undefined): void
  /** Replaces every secret in a text, also in encoded form, and `user:password@` in URLs. */
  mask(text: string): string
  /** Masks the texts in a value. Returns the same value if there is nothing to mask. */
  maskDeep<T>(value: T): T
  /** Masks an error of any kind in place, with its stack, and its causes. */
  maskError(error: unknown): void
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
  encodeURIComponent(Buffer.from(secret).toString()),
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
    const entries = Object.entries(value).map(([key, item]) =>
      [mask(key), maskDeep(item, depth + 1)] as const
    )
    const hasChanged = entries.some(([key, item]) =>
      item !== (value as Record<string, unknown>)[key]
    )
    return hasChanged ? Object.fromEntries(entries) as T : value
  }

  /** Libraries put requests, responses and texts that they cannot parse into fields of their errors. */
  const maskFields = (error: Error) => {
    for (const [key, value] of Object.entries<unknown>({ ...error })) {
      if (key === 'cause' || key === 'errors') continue
      const result = maskDeep(value)
      if (result !== value) {
        Object.defineProperty(error, key, { value: result, enumerable: true, configurable: true })
      }
    }
  }

  const maskError = (error: unknown, depth = 0) => {
    if (!(error instanceof Error) || depth > 10) return
    error.message = mask(error.message)
    if (error.stack !== undefined) error.stack = mask(error.stack)
    maskFields(error)
    maskError(error.cause, depth + 1)
    if (error instanceof AggregateError) {
      for (const one of error.errors) {
        maskError(one, depth + 1)
      }
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
    maskError: (error) => maskError(error)
  }
}

/** A logger of pino, which knows whether a level is on. */
type Leveled = Log & { isLevelEnabled?(level: string): boolean }

/** A log that masks secrets. A class, because every call to a cloud creates one. */
export class MaskingLog implements Log {
  readonly #log: Log
  readonly #secrets: Pick<Secrets, 'mask' | 'maskDeep' | 'maskError'>

  constructor (log: Log, secrets: Pick<Secrets, 'mask' | 'maskDeep' | 'maskError'>) {
    this.#log = log
    this.#secrets = secrets
  }

  debug (details: object, message: string) {
    this.#write('debug', details, message)
  }

  info (details: object, message: string) {
    this.#write('info', details, message)
  }

  warn (details: object, message: string) {
    this.#write('warn', details, message)
  }

  error (details: object, message: string) {
    this.#write('error', details, message)
  }

  #write (level: keyof Log, { err, ...details }: { err?: unknown }, message: string) {
    this.#secrets.maskError(err)
    // Each call to a cloud writes a line at the level debug, which is usually off.
    if ((this.#log as Leveled).isLevelEnabled?.(level) === false) return
    const masked = this.#secrets.maskDeep(details)
    this.#log[level](err === undefined ? masked : { err, ...masked }, this.#secrets.mask(message))
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
    findSecrets(schema, (value as Record<string, unknown>)[name])
  )
}
