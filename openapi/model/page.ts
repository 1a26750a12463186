import { Type, type Static, type TSchema } from 'typebox'
import { model } from './model.ts'
import { decimal, integer, nullableInteger, nullableRef, nullableString, openEnum, Timestamp } from './common.ts'
import { Problem } from './problem.ts'

export type Source = Static<typeof Source>
export const Source = model('Source', Type.Object({
  cloud: Type.String(),
  status: openEnum(['ok', 'partial', 'error', 'timeout'],
    'How the cloud answered. partial: its items lack details; `problem` says which and why.'),
  count: integer({ description: 'Number of items of this cloud on this page.' }),
  as_of: Timestamp('When the cloud answered.'),
  elapsed_ms: decimal(),
  problem: nullableRef(Problem)
}, { description: 'How one cloud answered.' }))

/** Names the page of a resource. */
export const pageOf = <T extends TSchema>(id: string, item: T) => model(id, Type.Object({
  items: Type.Array(item, { description: 'With `fields`, each item has only the requested fields.' }),
  next_cursor: nullableString('Cursor of the next page. The list ends when it is null: a page may be short or empty.'),
  total: nullableInteger('Number of items in all, or null if it is not known.'),
  sources: Type.Array(Source)
}))

/** A page of any resource. */
export interface Page<T> {
  items: T[]
  next_cursor: string | null
  total: number | null
  sources: Source[]
}
