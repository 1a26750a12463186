import { hash, randomUUID } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { Type, type Static } from '#typebox'
import { Compile } from '#typebox/compile'
import { ProblemError } from '../../openapi/model/index.ts'
import { cursorRetention, type Store } from '../store/index.ts'

/** The position in one cloud: the token of its page (null: the first) and how many items of that page are done. */
const Position = Type.Object({
  cloud: Type.String(),
  token: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
  skip: Type.Integer({ minimum: 0 })
})
/** A walk through a list: the positions in all clouds that have more items. */
const Walk = Type.Object({
  query: Type.String(),
  places: Type.Optional(Type.Array(Position)),
  /** Of a sorted walk: the sort keys, cloud and id of the last item. */
  after: Type.Optional(Type.Array(Type.Unknown())),
  /** Of a sorted walk: the id of its list in memory. */
  list: Type.Optional(Type.String())
}, { additionalProperties: false })
export type Position = Static<typeof Position>
export type Walk = Static<typeof Walk>

const walkSchema = Compile(Walk)
/** The store keeps longer cursors for a while, because they do not fit into every URL. */
const maxCursorLength = 2048
const keptPrefix = 's.'
/**
 * A longer cursor is compressed first, since it is mostly the same words for each cloud: a walk through 100 clouds
 * needs no write to the disk.
 */
const packedPrefix = 'z.'
/** Bytes of the longest content that is unpacked: a forged cursor must not fill the memory. */
const maxContent = 1024 * 1024

/** Binds a cursor to its query. */
export const fingerprint = (...parts: unknown[]) =>
  hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 16)

const invalidCursor = (detail: string) =>
  new ProblemError('invalid_request', detail, {
    errors: [{
      in: 'query',
      pointer: '/cursor',
      message: 'must be the next_cursor of a page of the same list and query'
    }],
    hint: 'Begin again without a cursor.'
  })

export const foreignCursor = () => invalidCursor('The cursor belongs to another list or query')

/** Where long cursors are kept, and the identity of the caller to whom they belong. */
export interface KeptCursors {
  store: Store
  owner: string
}

export async function writeCursor (content: Walk, { store, owner }: KeptCursors): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(content))
  const text = bytes.toString('base64url')
  if (text.length <= maxCursorLength) return text
  const packed = packedPrefix + deflateRawSync(bytes, { level: 1 }).toString('base64url')
  if (bytes.length <= maxContent && packed.length <= maxCursorLength) return packed
  const id = randomUUID()
  await store.insertInto('cursors').values({
    id,
    owner,
    content: text,
    created_at: new Date().toISOString()
  }).execute()
  return keptPrefix + id
}

/** Throws invalid_request if it is not a cursor, or a cursor of another query. */
export async function readCursor (cursor: string, query: string, kept: KeptCursors): Promise<Walk> {
  const text = cursor.startsWith(keptPrefix)
    ? await readKept(cursor.slice(keptPrefix.length), kept)
    : cursor
  let content: unknown
  try {
    content = JSON.parse(unpack(text).toString('utf8'))
  } catch {
    throw invalidCursor('The cursor is not valid')
  }
  if (!walkSchema.Check(content)) throw invalidCursor('The cursor is not valid')
  if (content.query !== query) throw foreignCursor()
  return content
}

/** Throws an Error if the cursor is damaged. */
function unpack (text: string) {
  if (!text.startsWith(packedPrefix)) return Buffer.from(text, 'base64url')
  const bytes = Buffer.from(text.slice(packedPrefix.length), 'base64url')
  return inflateRawSync(bytes, { maxOutputLength: maxContent })
}

async function readKept (id: string, { store, owner }: KeptCursors) {
  // Rows are removed some time after their end.
  const oldest = new Date(Date.now() - cursorRetention).toISOString()
  const row = await store.selectFrom('cursors').select('content')
    .where('id', '=', id).where('owner', '=', owner).where('created_at', '>', oldest)
    .executeTakeFirst()
  if (row === undefined) throw invalidCursor('The cursor has expired')
  return row.content
}
