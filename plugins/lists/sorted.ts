import { ProblemError } from '../../openapi/model/index.ts'
import { readPage, type Read, type ReadInput } from './read.ts'

/** Above this many items a cloud is not read whole: a filter must make it less. */
const most = 10_000

export interface SortKey {
  field: string
  descending: boolean
}

/** Throws validation_failed where a field is not one that has an order. */
export function parseSort (sort: readonly string[], sortable: ReadonlySet<string>): SortKey[] {
  return sort.map((word, i) => {
    const descending = word.startsWith('-')
    const field = descending ? word.slice(1) : word
    if (sortable.has(field)) return { field, descending }
    const expected = [...sortable].sort().join(', ')
    throw new ProblemError('validation_failed', `Nothing can be sorted by ${field}`, {
      errors: [{ in: 'query', pointer: `/sort/${i}`, message: `must be one of ${expected}` }]
    })
  })
}

type Keys = readonly (string | number | boolean | null)[]
type Item = Record<string, string | number | boolean | null>

/** What the order of an item rests on: its sort fields, then cloud and id, so that no two are equal. */
export const keysOf = (item: object, sort: readonly SortKey[]): Keys =>
  [...sort.map(({ field }) => (item as Item)[field] ?? null), (item as Item)['cloud']!, (item as Item)['id']!]

/** Null is last, whichever the direction: what is not known is of least interest. */
export function compareKeys (a: Keys, b: Keys, sort: readonly SortKey[]): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!]
    if (x === y) continue
    if (x === null) return 1
    if (y === null) return -1
    return (x < y ? -1 : 1) * (sort[i]?.descending === true ? -1 : 1)
  }
  return 0
}

/** All items of one cloud, page by page. A cloud with too many is a 422, since a part of an order is none. */
export async function readWhole (input: ReadInput, cloud: string): Promise<Read> {
  const started = performance.now()
  let page = await readPage(input, { cloud, token: null, skip: 0 }, 1000)
  const items = [...page.items]
  while (page.error === undefined && page.next !== null) {
    page = await readPage(input, { cloud, token: page.next, skip: 0 }, 1000)
    items.push(...page.items)
    if (items.length > most) {
      throw new ProblemError('validation_failed', `The cloud ${cloud} has more than ${most} items, which is more than can be sorted`, {
        errors: [{ in: 'query', pointer: '/sort', message: 'needs a filter that leaves fewer items' }],
        hint: 'Add a filter, or list without `sort`.'
      })
    }
  }
  // Half a cloud is not told as a whole one.
  const told = page.error === undefined ? items : []
  return { ...page, items: told, source: { ...page.source, count: told.length, elapsed_ms: Math.round(performance.now() - started) } }
}
