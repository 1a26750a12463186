import type { FastifyReply } from 'fastify'
import { turnOver } from '../../drivers/common/turns.ts'
import type { Page } from '../../openapi/model/index.ts'
import { fieldsToBytes, toBytes } from './bytes.ts'

/** Items that are serialized between two looks at the clock. */
const atOnce = 100

/**
 * Serializes a page, a long one in several turns of the event loop, and sets the type of the answer. Items are reduced
 * to `fields`, if there are any. Returns a short page of whole items as it is: Fastify serializes it with the answer.
 */
export async function serialize (
  page: Page<object>,
  fields: readonly string[] | undefined,
  reply: FastifyReply
): Promise<Page<object> | Buffer> {
  const { items, ...rest } = page
  if (fields === undefined && items.length <= atOnce) return page
  const parts: Buffer[] = []
  for (let i = 0; i < items.length; i += atOnce) {
    const over = turnOver()
    if (over !== undefined) await over
    const some = items.slice(i, i + atOnce)
    parts.push(fields === undefined ? toBytes(some) : fieldsToBytes(some, fields))
  }
  // Each item has a comma before it.
  if (parts[0] !== undefined) parts[0] = parts[0].subarray(1)
  if (!reply.hasHeader('content-type')) reply.type('application/json; charset=utf-8')
  return Buffer.concat([
    Buffer.from('{"items":['),
    ...parts,
    Buffer.from(`],${JSON.stringify(rest).slice(1)}`)
  ])
}
