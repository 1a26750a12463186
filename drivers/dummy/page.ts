import { ProblemError } from '../../openapi/model/index.ts'
import type { ListQuery, ReadService } from '../driver.ts'

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
