import { ProblemError } from '../../openapi/model/index.ts'
import type { ListQuery, ListResult, ReadService } from '../driver.ts'
import type { Collection, Entry, Stored } from './collection.ts'

const form = /^after-(\d{1,15})$/

/** The token of the page that begins after this position. */
export const tokenOf = (position: number) => `after-${position}`

/** The position that a token names, -1 for the first page. Throws invalid_request where it is none of ours. */
export function positionOf (token: string | null) {
  if (token === null) return -1
  const position = form.exec(token)?.[1]
  if (position === undefined) throw new ProblemError('invalid_request', 'This is no token of a page of this cloud')
  return Number(position)
}

/** How many items a page has at most. */
export const limitOf = ({ limit }: ListQuery, pageSize: number) => Math.max(1, Math.min(limit, pageSize))

/**
 * One page of a collection, in the order of creation, of those that pass the `test`. Its token is the place of the last
 * one seen, whether that is still there or not.
 */
export function pageOf<T extends Stored, V> (
  { entries, indexAfter }: Collection<T>, query: ListQuery, pageSize: number,
  view: (entry: Entry<T>, extra?: boolean) => V, test?: (item: V) => boolean
): ListResult<V> {
  const most = limitOf(query, pageSize)
  const items: V[] = []
  let i = indexAfter(positionOf(query.token))
  for (; i < entries.length && items.length < most; i++) {
    const item = view(entries[i]!)
    if (test === undefined || test(item)) items.push(query.extra ? view(entries[i]!, true) : item)
  }
  return {
    items,
    next: i < entries.length ? tokenOf(entries[i - 1]!.data.seq) : null,
    applied: [],
    ...(test === undefined ? { total: entries.length } : {})
  }
}

/** A collection that never changes. `kind` is what its items are called in messages. */
export function createReads<T extends { id: string }> (items: readonly T[], kind: string, pageSize: number): ReadService<T> {
  const byId = new Map(items.map((item) => [item.id, item]))
  const shown = (item: T, extra: boolean): T => extra ? { ...item, extra: { id: item.id } } : item
  return {
    async list (query) {
      const start = positionOf(query.token) + 1
      const end = start + limitOf(query, pageSize)
      return {
        items: items.slice(start, end).map((item) => shown(item, query.extra)),
        next: end < items.length ? tokenOf(end - 1) : null,
        applied: [],
        total: items.length
      }
    },
    async get (id, { extra }) {
      const item = byId.get(id)
      if (item === undefined) throw new ProblemError('resource_not_found', `There is no ${kind} ${id}`)
      return shown(item, extra)
    }
  }
}
