import type { Filters } from '../../drivers/driver.ts'
import { ProblemError, type ListParameters } from '../../openapi/model/index.ts'

const notFilters = new Set([
  'limit',
  'cursor',
  'sort',
  'fields',
  'include',
  'partial',
  'cloud',
  'timeout'
])

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
  if (
    !name.startsWith(first!) || !name.endsWith(last) || name.length < first!.length + last.length
  ) return false
  const end = name.length - last.length
  let from = first!.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at === -1 || at + part.length > end) return false
    from = at + part.length
  }
  return true
}

/** Returns the fields of an item that filters test. */
export const fieldsOf = (filters: Filters): string[] =>
  Object.keys(filters).map((name) =>
    name.startsWith('created_') ? 'created_at' : name.replace(/^(?:min|max|exclude)_/, '')
  )

type Item = Readonly<Record<string, unknown>>
type Test = (item: Item) => boolean

/** The number in a field of an item; NaN if it is not known. A price is decimal text. */
const numberIn = (item: Item, field: string) => {
  const value = field === 'price'
    ? (item['price'] as { amount: string } | null)?.amount
    : item[field]
  return value === null || value === undefined ? NaN : Number(value)
}

const timeIn = ({ created_at: time }: Item) => time === null ? NaN : Date.parse(time as string)

/**
 * Parses the time of a filter to milliseconds since 1970. Throws validation_failed for one that RFC 3339 allows and
 * the calendar of the server does not have.
 */
export function parseTime (field: string, value: string) {
  const time = Date.parse(value)
  if (!Number.isNaN(time)) return time
  const message = 'must be a time of the calendar, without a leap second'
  throw new ProblemError('validation_failed', `query/${field} ${message}`, {
    errors: [{ in: 'query', pointer: `/${field}`, message }]
  })
}

/** Converts the time of a filter to the form of the store, in which times are compared as text. */
export const toStoredTime = (field: string, time: string | undefined) =>
  time === undefined ? undefined : new Date(parseTime(field, time)).toISOString()

/** The filters beyond equality, by the beginning of their names. An item whose value is not known passes none. */
const tests: Readonly<Record<string, (field: string, values: readonly string[]) => Test>> = {
  min_: (field, [value]) => (item) => numberIn(item, field) >= Number(value),
  max_: (field, [value]) => (item) => numberIn(item, field) <= Number(value),
  created_after: (_, [value]) => {
    const time = parseTime('created_after', value!)
    return (item) => timeIn(item) >= time
  },
  created_before: (_, [value]) => {
    const time = parseTime('created_before', value!)
    return (item) => timeIn(item) < time
  },
  exclude_: (field, values) => {
    const excluded = new Set(values)
    return (item) => !excluded.has(String(item[field]))
  },
  price_currency: (_, values) => ({ price }) =>
    values.includes((price as { currency: string } | null)?.currency ?? '')
}
const prefixes = Object.keys(tests)

/** Tests a tag by `key=value` or `key`. A key may contain `=`, so every `=` may be the one before the value. */
const hasTag = (wanted: string) => {
  const parts = wanted.split('=')
  const pairs = parts.slice(1).map((_, i) =>
    [parts.slice(0, i + 1).join('='), parts.slice(i + 1).join('=')] as const
  )
  return ({ tags }: Item) => {
    const map = tags as Record<string, string>
    if (pairs.length === 0) return Object.hasOwn(map, wanted)
    // A cloud may have several tags of one key. Those after the first are words: `{ env: 'a', 'env=b': '' }`.
    return pairs.some(([key, value]) => Object.hasOwn(map, key) && map[key] === value) ||
      map[wanted] === ''
  }
}

type Assigned = Readonly<{ assignment?: { user: string } }>

/** The filters of nodes by their assignments, which only this server knows. */
const assignmentTests: Readonly<Record<string, (values: readonly string[]) => Test>> = {
  assigned: ([value]) => ({ assignment }: Assigned) => String(assignment !== undefined) === value,
  user: (values) => ({ assignment }: Assigned) =>
    assignment !== undefined && values.includes(assignment.user)
}

/** Returns the filters that a driver may apply. */
export const driverFilters = (filters: Filters): Filters =>
  Object.fromEntries(
    Object.entries(filters).filter(([field]) => !Object.hasOwn(assignmentTests, field))
  )

/** Words of a filter that only the cloud itself can evaluate. */
const scopes: Readonly<Record<string, readonly string[]>> = { owner: ['all', 'self'] }

/**
 * Returns the filter that has a word which the cloud itself must evaluate; undefined if there is none. `all` needs no
 * evaluation: a cloud that does not know it lists everything without a filter.
 */
export const scopeOf = (filters: Filters): string | undefined =>
  Object.entries(scopes).find(([field]) =>
    filters[field]?.includes('self') === true && !filters[field].includes('all')
  )?.[0]

/**
 * Returns the test that every item of a list must pass; undefined if there is no filter. Throws validation_failed.
 */
export function matcher (filters: Filters): ((item: object) => boolean) | undefined {
  const all = Object.entries(filters).flatMap(([field, values]): Test[] => {
    const prefix = prefixes.find((one) => field.startsWith(one))
    if (prefix !== undefined) return [tests[prefix]!(field.slice(prefix.length), values)]
    if (Object.hasOwn(assignmentTests, field)) return [assignmentTests[field]!(values)]
    if (field === 'tag') return values.map(hasTag)
    if (field === 'name') {
      return [({ name }) => name !== null && matchesPattern(values[0]!, name as string)]
    }
    if (scopes[field]?.some((word) => values.includes(word)) === true) return []
    const wanted = new Set(values)
    return [(item) => wanted.has(String(item[field]))]
  })
  if (all.length === 0) return undefined
  return (item) => all.every((test) => test(item as Item))
}
