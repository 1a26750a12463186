import type { Filters } from '../../drivers/driver.ts'
import type { ListParameters } from '../../openapi/model/index.ts'

const notFilters = new Set(['limit', 'cursor', 'sort', 'fields', 'include', 'partial', 'cloud'])

/** The filters in a query, each with its values. */
export function filtersOf (query: ListParameters): Filters {
  const filters: Record<string, string[]> = {}
  const tags = [...query.tag ?? []]
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || notFilters.has(key) || key === 'tag') continue
    if (key.startsWith('tag.')) tags.push(...[value].flat().map((one) => `${key.slice('tag.'.length)}=${String(one)}`))
    else filters[key] = Array.isArray(value) ? value : [String(value)]
  }
  return tags.length === 0 ? filters : { ...filters, tag: tags }
}

/** Whether a name fits a pattern in which `*` stands for any text: one walk through it, so that no pattern is slow. */
export function fits (pattern: string, name: string): boolean {
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
    return Object.hasOwn(map, key) && (value === undefined || map[key] === value)
  }
}

/** Words of a filter that stand for what only the cloud can tell. */
const scopes: Readonly<Record<string, readonly string[]>> = { owner: ['all', 'self'] }

/**
 * The filter with a word in it that the cloud itself must understand; undefined where there is none. Everything is what a
 * cloud lists without a filter, unless it knows better.
 */
export const scopeOf = (filters: Filters): string | undefined => Object.entries(scopes).find(([field]) =>
  filters[field]?.includes('self') === true && !filters[field].includes('all'))?.[0]

/** What every item of a list must pass; undefined where there is no filter. */
export function matcher (filters: Filters): ((item: object) => boolean) | undefined {
  const tests = Object.entries(filters).flatMap(([field, values]): ((item: Item) => boolean)[] => {
    if (field === 'tag') return values.map(hasTag)
    if (field === 'name') return [({ name }) => name !== null && fits(values[0]!, name as string)]
    if (scopes[field]?.some((word) => values.includes(word)) === true) return []
    const wanted = new Set(values)
    return [(item) => wanted.has(String(item[field]))]
  })
  if (tests.length === 0) return undefined
  return (item) => tests.every((test) => test(item as Item))
}
