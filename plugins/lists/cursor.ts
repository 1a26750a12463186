import { createHash, randomUUID } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Store } from '../store/index.ts'

/** Where a walk stands: of each cloud still in it its token (null: its first page) and how many items of that page are told. */
const Place = Type.Object({ cloud: Type.String(), token: Type.Unsafe<string | null>({ type: ['string', 'null'] }), skip: Type.Integer({ minimum: 0 }) })
const Walk = Type.Object({
  query: Type.String(),
  places: Type.Optional(Type.Array(Place)),
  /** Of a sorted walk: the sort keys, cloud and id of the last item told. */
  after: Type.Optional(Type.Array(Type.Unknown()))
}, { additionalProperties: false })
export type Place = Static<typeof Place>
export type Walk = Static<typeof Walk>

const walk = Compile(Walk)
/** A longer cursor does not fit into every URL on the way, and is kept here for a while. */
const longest = 2048
const kept = 's.'

/** What a cursor is bound to: a cursor of one query makes no sense in another. */
export const fingerprint = (...parts: unknown[]) =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16)

const invalid = (detail: string) => new ProblemError('invalid_request', detail, {
  errors: [{ in: 'query', pointer: '/cursor', message: 'must be the next_cursor of a page of the same list and query' }],
  hint: 'Begin again without a cursor.'
})

export const foreignCursor = () => invalid('The cursor belongs to another list or query')

export async function writeCursor (content: Walk, store: Store): Promise<string> {
  const text = Buffer.from(JSON.stringify(content)).toString('base64url')
  if (text.length <= longest) return text
  const id = randomUUID()
  await store.insertInto('cursors').values({ id, content: text, created_at: new Date().toISOString() }).execute()
  return kept + id
}

/** Throws invalid_request where it is no cursor, or one of another query. */
export async function readCursor (cursor: string, query: string, store: Store): Promise<Walk> {
  const text = cursor.startsWith(kept) ? await readKept(cursor.slice(kept.length), store) : cursor
  let content: unknown
  try {
    content = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    throw invalid('The cursor is not one of this server')
  }
  if (!walk.Check(content)) throw invalid('The cursor is not one of this server')
  if (content.query !== query) throw foreignCursor()
  return content
}

async function readKept (id: string, store: Store) {
  const row = await store.selectFrom('cursors').select('content').where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw invalid('The cursor is too old')
  return row.content
}
