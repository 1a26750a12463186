import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { turnOver } from '../../drivers/common/turns.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { readPage, type CloudPage, type PageRequest } from './read.ts'

/** The maximum number of items of all clouds of a list that are read to sort them. */
const maxItems = 10_000

export interface SortKey {
  field: string
  descending: boolean
}

export const parseSort = (sort: readonly string[]): SortKey[] =>
  sort.map((word) =>
    word.startsWith('-')
      ? { field: word.slice(1), descending: true }
      : { field: word, descending: false }
  )

export type Keys = readonly (string | number | boolean | null)[]
type Item = Record<string, string | number | boolean | null>

/** The sort keys of an item: its sort fields, then cloud and id, so that no two items are equal. */
export const keysOf = (
  item: object,
  sort: readonly SortKey[]
): Keys => [
  ...sort.map(({ field }) => (item as Item)[field] ?? null),
  (item as Item)['cloud']!,
  (item as Item)['id']!
]

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

/** Counts the items that a sorted list has read from all its clouds. Throws validation_failed if there are too many. */
export function createItemCount () {
  let items = 0
  return (more: number) => {
    items += more
    if (items <= maxItems) return
    const detail = `The list has more than ${maxItems} items, too many to sort`
    throw new ProblemError('validation_failed', detail, {
      errors: [{
        in: 'query',
        pointer: '/sort',
        message: 'needs a filter or `cloud` that leaves fewer items'
      }],
      hint: 'Add a filter, name fewer clouds with `cloud`, or list without `sort`.'
    })
  }
}

/** Reads all items of one cloud. `count` is told the number of items of each page, and may throw. */
export async function readAllPages (
  request: PageRequest,
  cloud: string,
  count: (items: number) => void
): Promise<CloudPage> {
  const started = performance.now()
  let page = await readPage(request, { cloud, token: null, skip: 0 }, 1000)
  const items = [...page.items]
  count(items.length)
  while (page.error === undefined && page.next !== null) {
    // A cloud that answers from memory would hold the event loop for all of its pages.
    await turnOver()
    page = await readPage(request, { cloud, token: page.next, skip: 0 }, 1000)
    items.push(...page.items)
    count(page.items.length)
  }
  // The items read before a failure are not the whole cloud, so they are left out.
  const all = page.error === undefined ? items : []
  const elapsed = Math.round(performance.now() - started)
  return { ...page, items: all, source: { ...page.source, count: all.length, elapsed_ms: elapsed } }
}

/** A sorted list: its items in their order, and how its clouds answered when it was read. */
export interface SortedList {
  keyed: readonly { item: object, keys: Keys }[]
  /** The reads of the clouds that answered, without their items. */
  reads: readonly CloudPage[]
  /** Identifies the caller who read it. */
  owner: string
}

/** Keeps the order of sorted lists between the pages of a walk. */
export interface SortedLists {
  /** Keeps a list and returns its id. */
  keep(list: SortedList): string
  /** Returns a list of this owner; undefined if it is not kept, or if one of its clouds was changed since. */
  find(id: string | undefined, owner: string): SortedList | undefined
}

/** Items of all kept lists together: about 40 MB. */
const maxKeptItems = 20_000

/** Milliseconds that a list is kept after its last page was read. */
const keptFor = 5 * 60_000

const isCurrent = ({ reads }: SortedList) =>
  reads.every(({ answer }) => answer?.isCurrent() !== false)

/**
 * Creates the memory of sorted walks. A walk whose list was dropped reads its clouds again and continues after the last
 * item of the page before.
 */
export function createSortedLists (): SortedLists {
  const kept = new LRUCache<string, SortedList>({
    maxSize: maxKeptItems,
    sizeCalculation: ({ keyed }) => keyed.length + 1,
    ttl: keptFor,
    updateAgeOnGet: true
  })
  return {
    keep (list) {
      const id = randomUUID()
      kept.set(id, list)
      return id
    },
    find (id, owner) {
      const list = id === undefined ? undefined : kept.get(id)
      if (list === undefined || list.owner !== owner) return undefined
      if (isCurrent(list)) return list
      kept.delete(id!)
      return undefined
    }
  }
}
