import { hash } from 'node:crypto'

/** Serializes a JSON value so that the order of its keys does not matter. */
export function canonicalize (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalize).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${
    entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalize(item)}`).join(',')
  }}`
}

/** Returns the SHA-256 of a text in hex. */
export const hashText = (text: string) => hash('sha256', text)
