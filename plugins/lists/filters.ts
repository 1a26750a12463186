import type { Filters } from '../../drivers/driver.ts'
import type { ListParameters } from '../../openapi/model/index.ts'

const notFilters = new Set(['limit', 'cursor', 'sort', 'fields', 'include', 'partial', 'cloud', 'timeout'])

/** Returns the filters of a query, each with its values. */
export function filtersOf (query: ListParameters): Filters {
  const filters: Record<string, string[]> = {}
  const tags = [...query.tag ?? []]
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || notFilters.has(key) || key === 'tag') continue
    if (key.startsWith('tag.')) {
      const name = key.slice('tag.'.length)
      tags.push(...[value].flat().map((text) => `${name}=${String(text)}`))
    } else {
      filters[key] = Array.isArray(value) ? value : [String(value)]
    }
  }
  return tags.length === 0 ? filters : { ...filters, tag: tags }
}

/** Whether a name matches a pattern in which `*` stands for any text. Runs in linear time for every pattern. */
export function matchesPattern (pattern: string, name: string): boolean {
  const [first, ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === name
  const last = rest.pop()!
  if (!name.startsWith(first!) || !name.endsWith(last) || name.length < first!.length + last.length) return false
  const end = name.length - last.length
  let from = first!.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at === -1 || at + part.length > end) return false
    from = at + part.length
  }
  return true
}

type Item = Readonly<Record<string, unknown>>

const hasTag = (wanted: string) => {
  const at = wanted.indexOf('=')
  const [key, value] = at === -1 ? [wanted, undefined] : [wanted.slice(0, at), wanted.slice(at + 1)]
  return ({ tags }: Item) => {
    const map = tags as Record<string, string>
    // A cloud may have several tags of one key. Those after the first are words: `{ env: 'a', 'env=b': '' }`.
    return (Object.hasOwn(map, key) && (value === undefined || map[key] === value)) || map[wanted] === ''
  }
}

/** Words of a filter that only the cloud itself can evaluate. */
const scopes: Readonly<Record<string, readonly string[]>> = { owner: ['all', 'self'] }

/**
 * Returns the filter that has a word which the cloud itself must evaluate; undefined if there is none. `all` needs no
 * evaluation: a cloud that does not know it lists everything without a filter.
 */
export const scopeOf = (filters: Filters): string | undefined => Object.entries(scopes).find(([field]) =>
  filters[field]?.includes('self') === true && !filters[field].includes('all'))?.[0]

/** Returns the test that every item of a list must pass; undefined if there is no filter. */
export function matcher (filters: Filters): ((item: object) => boolean) | undefined {
  const tests = Object.entries(filters).flatMap(([field, values]): ((item: Item) => boolean)[] => {
    if (field === 'tag') return values.map(hasTag)
    if (field === 'name') return [({ name }) => name !== null && matchesPattern(values[0]!, name as string)]
    if (scopes[field]?.some((word) => values.includes(word)) === true) return []
    const wanted = new Set(values)
    return [(item) => wanted.has(String(item[field]))]
  })
  if (tests.length === 0) return undefined
  return (item) => tests.every((test) => test(item as Item))
}
