import { ProblemError } from '../../../openapi/model/index.ts'
import type { ListQuery, ListResult, ReadService } from '../../driver.ts'
import type { BaseRecord, Collection, Entry } from './collection.ts'

const tokenPattern = /^after-(\d{1,15})$/

/** Creates the token of the page that begins after a position. */
export const tokenOf = (position: number) => `after-${position}`

/** Returns the position of a token; -1 for the first page. Throws invalid_request for any other text. */
export function positionOf (token: string | null) {
  if (token === null) return -1
  const position = tokenPattern.exec(token)?.[1]
  if (position !== undefined) return Number(position)
  throw new ProblemError('invalid_request', `The page token "${token}" is invalid: use the token of the page before`)
}

/** Returns how many items the page has at most. */
export const limitOf = ({ limit }: ListQuery, pageSize: number) => Math.max(1, Math.min(limit, pageSize))

/**
 * Reads one page of a collection in the order of creation. With `matches`, other items are skipped. The token holds the
 * position of the last item that was read, so it stays valid when that item is removed.
 */
export function pageOf<T extends BaseRecord, Model> (
  { entries, indexAfter }: Collection<T>,
  query: ListQuery,
  pageSize: number,
  view: (entry: Entry<T>, extra?: boolean) => Model,
  matches?: (item: Model) => boolean
): ListResult<Model> {
  const limit = limitOf(query, pageSize)
  const items: Model[] = []
  let i = indexAfter(positionOf(query.token))
  for (; i < entries.length && items.length < limit; i++) {
    const item = view(entries[i]!)
    if (matches === undefined || matches(item)) items.push(query.extra ? view(entries[i]!, true) : item)
  }
  const next = i < entries.length ? tokenOf(entries[i - 1]!.data.seq) : null
  return { items, next, total: matches === undefined ? entries.length : undefined }
}

/** Creates the service of a list that never changes. `noun` names an item in messages. */
export function createStaticService<T extends { id: string }> (
  items: readonly T[], noun: string, pageSize: number
): ReadService<T> {
  const byId = new Map(items.map((item) => [item.id, item]))
  const withExtra = (item: T, extra: boolean): T => extra ? { ...item, extra: { id: item.id } } : item
  return {
    async list (query) {
      const start = positionOf(query.token) + 1
      const end = start + limitOf(query, pageSize)
      return {
        items: items.slice(start, end).map((item) => withExtra(item, query.extra)),
        next: end < items.length ? tokenOf(end - 1) : null,
        total: items.length
      }
    },
    async get (id, { extra }) {
      const item = byId.get(id)
      if (item === undefined) throw new ProblemError('resource_not_found', `There is no ${noun} ${id}`)
      return withExtra(item, extra)
    }
  }
}
