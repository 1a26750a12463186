import { mapInTurns, sortInTurns } from '../../drivers/common/turns.ts'
import { firstPosition, type ListPage, type ListRequest } from './cloud-order.ts'
import type { Walk } from './cursor.ts'
import { throwIfFailed } from './failures.ts'
import type { CloudPage } from './read.ts'
import {
  compareKeys,
  createItemCount,
  createSortedLists,
  keysOf,
  parseSort,
  readAllPages,
  type Keys,
  type SortedList
} from './sorted.ts'

/** Sets the number of items of each cloud on a page. */
function countByCloud (reads: readonly CloudPage[], page: SortedList['keyed']): CloudPage[] {
  const counts = new Map<string, number>()
  for (const { item } of page) {
    const { cloud } = item as { cloud: string }
    counts.set(cloud, (counts.get(cloud) ?? 0) + 1)
  }
  return reads.map((read) => ({
    ...read,
    source: { ...read.source, count: counts.get(read.cloud) ?? 0 }
  }))
}

/** Returns the index of the first item of a sorted list that passes the test. */
function findFirst<T> (sorted: readonly { keys: T }[], test: (keys: T) => boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (test(sorted[middle]!.keys)) high = middle
    else low = middle + 1
  }
  return low
}

/** Reads the clouds whole and sorts all items. */
async function sortAll (request: ListRequest, clouds: readonly string[]) {
  const sort = parseSort(request.query.sort!)
  const count = createItemCount()
  const reads = await Promise.all(clouds.map((cloud) => readAllPages(request, cloud, count)))
  throwIfFailed(request, reads, false)
  const { match } = request
  const items = reads.flatMap((read) => read.items).filter((item) =>
    match === undefined || match(item)
  )
  const keyed = await mapInTurns(items, (item) => ({ item, keys: keysOf(item, sort) }))
  return { keyed: await sortInTurns(keyed, (a, b) => compareKeys(a.keys, b.keys, sort)), reads }
}

/**
 * Creates the function that reads a page of a sorted list, after the last item of the page before. The list keeps its
 * order until the walk ends, unless one of its clouds is changed; then the clouds are read again.
 */
export function createSortedReader () {
  const sortedLists = createSortedLists()

  return async (
    request: ListRequest,
    clouds: readonly string[],
    { after, list: id }: Pick<Walk, 'after' | 'list'> = {}
  ): Promise<ListPage> => {
    const sort = parseSort(request.query.sort!)
    const known = sortedLists.find(id, request.owner)
    const { keyed, reads } = known ?? await sortAll(request, clouds)
    const isAfter = (keys: Keys) => compareKeys(keys, after as Keys, sort) > 0
    const from = after === undefined ? 0 : findFirst(keyed, isAfter)
    const page = keyed.slice(from, from + request.query.limit)
    const last = from + page.length < keyed.length ? page.at(-1) : undefined
    // A cloud that failed on this page would appear on the next one without its first items.
    const answered = reads.filter(({ error }) => error === undefined)
    const keep = () =>
      sortedLists.keep({
        keyed,
        owner: request.owner,
        reads: answered.map((read) => ({ ...read, items: [] }))
      })
    return {
      items: page.map(({ item }) => item),
      reads: countByCloud(reads, page),
      next: last === undefined
        ? null
        : {
            after: [...last.keys],
            places: answered.map(({ cloud }) => firstPosition(cloud)),
            list: known === undefined ? keep() : id
          },
      total: reads.every(({ source }) => source.status === 'ok') ? keyed.length : null
    }
  }
}
