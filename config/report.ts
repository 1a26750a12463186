import type { TSchema } from 'typebox'
import type { SettingError } from '../drivers/settings.ts'

/** Every error of the settings, one a line: file, path, what was found, what is expected. */
export class SettingsError extends Error {
  readonly errors: readonly string[]
  constructor (errors: readonly string[]) {
    super(`The settings have ${errors.length === 1 ? 'an error' : `${errors.length} errors`}:\n${errors.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
    this.errors = errors
  }
}

/** Collects what is wrong with the settings of one file, so that all of it is told at once. */
export interface Report {
  readonly lines: string[]
  /** One line about a path. */
  add (path: string, message: string): void
  /** Misfits of a schema, with what was found there, unless that is or may be a secret. */
  misfits (errors: readonly SettingError[], found: unknown, schema: TSchema, prefix?: string): void
}

export interface ReportOptions {
  /** As the file is named in errors. */
  file: string
  /** Dotted paths of what came from a variable or a file. */
  secret: ReadonlySet<string>
  /** Dotted paths that are told already. */
  told: ReadonlySet<string>
}

export function createReport ({ file, secret, told }: ReportOptions): Report {
  const lines: string[] = []
  const add: Report['add'] = (path, message) => { lines.push(path === '' ? `${file}: ${message}` : `${file}: ${path}${message.startsWith('is ') ? '' : ':'} ${message}`) }

  return {
    lines,
    add,
    misfits (errors, found, schema, prefix = '') {
      for (const { path, message } of errors) {
        const full = prefix + path
        if (told.has(full)) continue
        const value = at(found, path)
        const hidden = secret.has(full) || mayBeSecret(schema, path)
        add(full, message.startsWith('is ') ? message : `found ${hidden ? kindOf(value) : describe(value)}; ${message}`)
      }
    }
  }
}

const at = (value: unknown, path: string) =>
  path === '' ? value : path.split('.').reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], value)

/** What the schema does not know may be a secret under a misspelt name; a text in the place of a map may be what belongs into it. */
function mayBeSecret (schema: TSchema, path: string) {
  const place = path.split('.').reduce<TSchema | undefined>((here, key) =>
    (here as { properties?: Record<string, TSchema> } | undefined)?.properties?.[key], schema)
  const { format, type } = (place ?? {}) as { format?: string, type?: string }
  return type === undefined || type === 'object' || type === 'array' || format === 'password'
}

export const kindOf = (value: unknown) => {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`
}

export const describe = (value: unknown) =>
  value !== undefined && value !== null && typeof value !== 'object' ? JSON.stringify(value) : kindOf(value)

export const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
