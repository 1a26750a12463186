import { Type, type Static, type TSchema } from '#typebox'
import { model } from './model.ts'
import {
  decimal,
  integer,
  nullableInteger,
  nullableRef,
  map,
  nullableString,
  openEnum,
  Timestamp
} from './common.ts'
import { Problem } from './problem.ts'

export type Source = Static<typeof Source>
export const Source = model(
  'Source',
  Type.Object({
    cloud: Type.String(),
    status: openEnum(
      ['ok', 'partial', 'error', 'timeout'],
      'How the cloud answered. partial: its items lack details; `problem` says which and why.'
    ),
    count: integer({ description: 'Number of items of this cloud on this page.' }),
    as_of: Timestamp('When the cloud answered.'),
    elapsed_ms: decimal(),
    problem: nullableRef(Problem),
    complete_scan: Type.Optional(Type.Boolean({
      description: 'True if the cloud has no pages: it listed everything for the first page.'
    }))
  }, { description: 'How one cloud answered.' })
)

const pageDetails = {
  next_cursor: nullableString(
    'Cursor of the next page. The list ends when it is null: a page may be short or empty.'
  ),
  total: nullableInteger('Number of items in all, or null if it is not known.'),
  sources: Type.Array(Source)
}

/**
 * The media type of a list with `fields`. A type of its own keeps the fields of the usual items required in generated
 * clients; with a union, every client would have to tell the two apart.
 */
export const partialType = 'application/vnd.cloud-orchestrator.partial+json'

export const PartialPage = model(
  'PartialPage',
  Type.Object({
    items: Type.Array(map(Type.Unknown()), {
      description: 'Each item has those fields of the query that it knows.'
    }),
    ...pageDetails
  }, { description: 'A page of a list with `fields`.' })
)

/** Names the page of a resource. */
export const pageOf = <T extends TSchema>(id: string, item: T) =>
  model(
    id,
    Type.Object({
      items: Type.Array(item),
      ...pageDetails
    })
  )

/** A page of any resource. */
export interface Page<T> {
  items: T[]
  next_cursor: string | null
  total: number | null
  sources: Source[]
}
