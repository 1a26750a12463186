import { ProblemError } from '../../openapi/model/index.ts'
import { readPage, type CloudPage, type PageRequest } from './read.ts'

/** The maximum number of items that are read from one cloud to sort them. */
const maxItems = 10_000

export interface SortKey {
  field: string
  descending: boolean
}

export const parseSort = (sort: readonly string[]): SortKey[] => sort.map((word) =>
  word.startsWith('-') ? { field: word.slice(1), descending: true } : { field: word, descending: false })

type Keys = readonly (string | number | boolean | null)[]
type Item = Record<string, string | number | boolean | null>

/** The sort keys of an item: its sort fields, then cloud and id, so that no two items are equal. */
export const keysOf = (item: object, sort: readonly SortKey[]): Keys =>
  [...sort.map(({ field }) => (item as Item)[field] ?? null), (item as Item)['cloud']!, (item as Item)['id']!]

/** Null sorts last in both directions, because unknown values interest least. */
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

/** Reads all items of one cloud. Throws validation_failed if there are too many to sort. */
export async function readAllPages (request: PageRequest, cloud: string): Promise<CloudPage> {
  const started = performance.now()
  let page = await readPage(request, { cloud, token: null, skip: 0 }, 1000)
  const items = [...page.items]
  while (page.error === undefined && page.next !== null) {
    page = await readPage(request, { cloud, token: page.next, skip: 0 }, 1000)
    items.push(...page.items)
    if (items.length > maxItems) {
      const detail = `The cloud ${cloud} has more than ${maxItems} items, too many to sort`
      throw new ProblemError('validation_failed', detail, {
        errors: [{ in: 'query', pointer: '/sort', message: 'needs a filter that leaves fewer items' }],
        hint: 'Add a filter, or list without `sort`.'
      })
    }
  }
  // The items read before a failure are not the whole cloud, so they are left out.
  const all = page.error === undefined ? items : []
  const elapsed = Math.round(performance.now() - started)
  return { ...page, items: all, source: { ...page.source, count: all.length, elapsed_ms: elapsed } }
}
