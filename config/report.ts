import type { TSchema } from '#typebox'
import { schemaAt, type SettingError } from '../drivers/settings.ts'

/** Every error of the settings, one in each line: file, path, the value found, the value expected. */
export class SettingsError extends Error {
  readonly errors: readonly string[]
  constructor (errors: readonly string[]) {
    const count = errors.length === 1 ? 'an error' : `${errors.length} errors`
    super(`The settings have ${count}:\n${errors.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
    this.errors = errors
  }
}

/** Collects the errors of the settings of one file, to report all of them at once. */
export interface Report {
  readonly lines: string[]
  /** Adds one line about a path. */
  add(path: string, message: string): void
  /** Adds the errors of a schema with the values found, except values that are or may be secrets. */
  addErrors(errors: readonly SettingError[], input: unknown, schema: TSchema, prefix?: string): void
}

export interface ReportOptions {
  /** Name of the file in errors. */
  file: string
  /** Dotted paths of the values that come from a variable or a file. */
  secretPaths: ReadonlySet<string>
  /** Dotted paths that already have an error. */
  reportedPaths: ReadonlySet<string>
}

export function createReport ({ file, secretPaths, reportedPaths }: ReportOptions): Report {
  const lines: string[] = []

  const add: Report['add'] = (path, message) => {
    const separator = message.startsWith('is ') ? ' ' : ': '
    lines.push(path === '' ? `${file}: ${message}` : `${file}: ${path}${separator}${message}`)
  }

  return {
    lines,
    add,
    addErrors (errors, input, schema, prefix = '') {
      for (const { path, message } of errors) {
        const fullPath = prefix + path
        if (reportedPaths.has(fullPath)) continue
        const value = valueAt(input, path)
        const found = secretPaths.has(fullPath) || mayBeSecret(schema, path)
          ? kindOf(value)
          : describe(value)
        add(fullPath, message.startsWith('is ') ? message : `found ${found}; ${message}`)
      }
    }
  }
}

const valueAt = (input: unknown, path: string) =>
  path === ''
    ? input
    : path.split('.').reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      input
    )

/**
 * An unknown setting may be a secret with a misspelled name. A text instead of a map may be a secret that belongs into
 * the map.
 */
function mayBeSecret (schema: TSchema, path: string) {
  const { format, type } = schemaAt(schema, path.split('.')) ?? {}
  return type === undefined || type === 'object' || type === 'array' || format === 'password'
}

export const kindOf = (value: unknown) => {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`
}

export const describe = (value: unknown) =>
  value !== undefined && value !== null && typeof value !== 'object'
    ? JSON.stringify(value)
    : kindOf(value)

export const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
