import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface ExpandSource {
  directory: string
  env: Readonly<Record<string, string | undefined>>
}

export interface Expanded {
  value: unknown
  /** Dotted paths of strings that came from a variable or a file: never to be shown. */
  secret: Set<string>
  errors: { path: string, message: string }[]
}

/**
 * Replaces `${VARIABLE}` and `${VARIABLE:-default}` in every string by the environment's value, and a string
 * `file:PATH` by the content of that file without its last newline. `$${` stands for a literal `${`.
 */
export function expand (input: unknown, { directory, env }: ExpandSource): Expanded {
  const secret = new Set<string>()
  const errors: Expanded['errors'] = []

  const variable = (at: string, name: string, otherwise: string | undefined) => {
    secret.add(at)
    const value = env[name] ?? otherwise
    if (value === undefined) errors.push({ path: at, message: `needs the environment variable ${name}, which is not set` })
    return value ?? ''
  }

  const text = (value: string, at: string) => {
    if (value.startsWith('file:')) {
      const file = path.resolve(directory, value.slice('file:'.length))
      secret.add(at)
      try {
        return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      } catch (error) {
        errors.push({ path: at, message: `needs the file ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})` })
        return ''
      }
    }
    return value.replace(/\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g, (_, name?: string, otherwise?: string) =>
      name === undefined ? '${' : variable(at, name, otherwise))
  }

  const walk = (value: unknown, at: string): unknown => {
    if (typeof value === 'string') return text(value, at)
    if (Array.isArray(value)) return value.map((item, i) => walk(item, `${at}.${i}`))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, at === '' ? key : `${at}.${key}`)]))
  }

  return { value: walk(input, ''), secret, errors }
}
