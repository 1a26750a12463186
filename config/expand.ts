import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { SettingError } from '../drivers/settings.ts'

export interface ExpandSource {
  directory: string
  env: Readonly<Record<string, string | undefined>>
}

export interface ExpandedSettings {
  value: unknown
  /** Dotted paths of the strings that come from a variable or a file. Messages must not contain them. */
  secretPaths: Set<string>
  errors: SettingError[]
}

type MapText = (text: string, path: string) => string

function mapTexts (value: unknown, map: MapText, path = ''): unknown {
  if (typeof value === 'string') return map(value, path)
  if (Array.isArray(value)) {
    return value.map((item, index) => mapTexts(item, map, `${path}.${index}`))
  }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map((
      [key, item]
    ) => [key, mapTexts(item, map, path === '' ? key : `${path}.${key}`)])
  )
}

/** Returns the dotted paths of all strings: each may be a secret in a file that is not expanded. */
export function textPaths (value: unknown): string[] {
  const paths: string[] = []
  mapTexts(value, (text, path) => {
    paths.push(path)
    return text
  })
  return paths
}

/** Returns settings whose expansion is the given value. Throws an Error for a text that has no such form. */
export const escapeTexts = (value: unknown) =>
  mapTexts(value, (text, path) => {
    if (!text.startsWith('file:')) return text.replaceAll('${', () => '$${')
    throw new Error(
      `${path} begins with "file:", which here names a file; write the value into a file and name that`
    )
  })

/**
 * Replaces `${VARIABLE}` and `${VARIABLE:-default}` in every string with the value of the environment, and a string
 * `file:PATH` with the content of that file without its last newline. `$${` means a literal `${`.
 */
export function expand (input: unknown, { directory, env }: ExpandSource): ExpandedSettings {
  const secretPaths = new Set<string>()
  const errors: SettingError[] = []

  const readVariable = (at: string, name: string, defaultValue: string | undefined) => {
    secretPaths.add(at)
    const value = env[name] ?? defaultValue
    if (value === undefined) {
      errors.push({ path: at, message: `needs the environment variable ${name}, which is not set` })
    }
    return value ?? ''
  }

  const readFile = (at: string, name: string) => {
    const file = path.resolve(directory, name)
    secretPaths.add(at)
    try {
      return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      errors.push({ path: at, message: `needs the file ${file}, which cannot be read (${code})` })
      return ''
    }
  }

  const variable = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

  const expandText = (value: string, at: string) => {
    if (value.startsWith('file:')) return readFile(at, value.slice('file:'.length))
    return value.replace(
      variable,
      (_, name?: string, defaultValue?: string) =>
        name === undefined ? '${' : readVariable(at, name, defaultValue)
    )
  }

  return { value: mapTexts(input, expandText), secretPaths, errors }
}
