import { ProblemError } from '../../../openapi/model/index.ts'
import type { ListQuery, ListResult, ReadService } from '../../driver.ts'
import { turnOver } from '../../common/turns.ts'
import type { BaseRecord, Collection, Entry } from './collection.ts'

const tokenPattern = /^after-(\d{1,15})$/

const tokenOf = (position: number) => `after-${position}`

/** Returns the position of a token; -1 for the first page. Throws invalid_request for any other text. */
function positionOf (token: string | null) {
  if (token === null) return -1
  const position = tokenPattern.exec(token)?.[1]
  if (position !== undefined) return Number(position)
  throw new ProblemError(
    'invalid_request',
    `The page token "${token}" is invalid: use the token of the page before`
  )
}

/** Items between two looks at the clock. */
const atOnce = 50

const limitOf = ({ limit }: ListQuery, pageSize: number) => Math.max(1, Math.min(limit, pageSize))

/** Returns the entries with these ids, in the order of creation. */
function pick<T extends BaseRecord> (
  { find }: Collection<T>,
  ids: readonly string[]
): Array<Entry<T>> {
  return ids.flatMap((id) => find(id) ?? []).sort((a, b) => a.data.seq - b.data.seq)
}

/**
 * Reads one page of a collection in the order of creation. With `matches` and with ids, others are skipped. The token
 * holds the position of the last item that was read, so it stays valid when that item is removed.
 */
export async function pageOf<T extends BaseRecord, Model> (
  collection: Collection<T>,
  query: ListQuery,
  pageSize: number,
  view: (entry: Entry<T>, extra?: boolean) => Model,
  matches?: (item: Model) => boolean
): Promise<ListResult<Model>> {
  const limit = limitOf(query, pageSize)
  const items: Model[] = []
  const { ids, token } = query
  const after = positionOf(token)
  const entries = ids === undefined ? collection.entries : pick(collection, ids)
  const isRead = ({ data }: Entry<T>) => data.seq <= after
  let i = ids === undefined ? collection.indexAfter(after) : entries.filter(isRead).length
  let last: Entry<T> | undefined
  let read = 0
  for (; i < entries.length && items.length < limit; i++) {
    const over = read++ % atOnce === 0 ? turnOver() : undefined
    if (over !== undefined) {
      const seq = last?.data.seq ?? after
      await over
      // Records may have come and gone meanwhile.
      if (ids === undefined) i = collection.indexAfter(seq)
      if (i >= entries.length) break
    }
    last = entries[i]!
    const item = view(last)
    if (matches === undefined || matches(item)) items.push(query.extra ? view(last, true) : item)
  }
  const next = last !== undefined && i < entries.length ? tokenOf(last.data.seq) : null
  const isWhole = matches === undefined && ids === undefined
  return { items, next, total: isWhole ? entries.length : undefined }
}

/** An item of a list with its position in the order of the list. */
export interface ListItem<T> {
  position: number
  read(extra: boolean): T
}

/** Reads one page of a short list. */
export function pageOfList<T> (
  list: ReadonlyArray<ListItem<T>>,
  query: ListQuery,
  pageSize: number
): ListResult<T> {
  const start = positionOf(query.token)
  const rest = list.filter(({ position }) => position > start)
  const page = rest.slice(0, limitOf(query, pageSize))
  return {
    items: page.map(({ read }) => read(query.extra)),
    next: page.length < rest.length ? tokenOf(page.at(-1)!.position) : null,
    total: list.length
  }
}

/** Returns the positions of items that never change, and whose `extra` is only their id. */
export const toListItems = <T extends { id: string }>(items: readonly T[]): Array<ListItem<T>> =>
  items.map((item, position) => ({
    position,
    read: (extra) => extra ? { ...item, extra: { id: item.id } } : item
  }))

/** Creates the service of a list that never changes. `noun` names an item in messages. */
export function createStaticService<T extends { id: string }> (
  items: readonly T[],
  noun: string,
  pageSize: number
): ReadService<T> {
  const list = toListItems(items)
  const indexes = new Map(items.map(({ id }, i) => [id, i]))
  return {
    list: async (query) => pageOfList(list, query, pageSize),
    async get (id, { extra }) {
      const index = indexes.get(id)
      if (index === undefined) {
        throw new ProblemError('resource_not_found', `There is no ${noun} ${id}`)
      }
      return list[index]!.read(extra)
    }
  }
}
