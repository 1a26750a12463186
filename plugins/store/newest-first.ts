import { sql, type SelectQueryBuilder } from '#kysely'
import type { Tables } from './tables.ts'

/** A page of rows with `created_at` and `id`. */
export interface NewestFirst {
  limit: number
  /** The row after which the page begins. The newest comes first; ids decide between equal times. */
  after?: { created_at: string, id: string } | undefined
  /** RFC 3339 in UTC with milliseconds: created at this time or later. */
  createdAfter?: string | undefined
  /** Created before this time. */
  createdBefore?: string | undefined
}

const createdAt = sql.ref<string>('created_at')
const id = sql.ref<string>('id')

/** Reduces a query to a page of its rows, the newest first. */
export function newestFirst<T extends 'operations' | 'audit' | 'webhook_deliveries', Row> (
  query: SelectQueryBuilder<Tables, T, Row>,
  { limit, after, createdAfter, createdBefore }: NewestFirst
) {
  let page = query.orderBy(createdAt, 'desc').orderBy(id, 'desc').limit(limit)
  if (after !== undefined) {
    page = page.where(sql<boolean>`(${createdAt}, ${id}) < (${after.created_at}, ${after.id})`)
  }
  if (createdAfter !== undefined) page = page.where(sql<boolean>`${createdAt} >= ${createdAfter}`)
  if (createdBefore !== undefined) page = page.where(sql<boolean>`${createdAt} < ${createdBefore}`)
  return page
}
