import type { FastifyReply } from 'fastify'
import { turnOver } from '../../drivers/common/turns.ts'
import type { Page } from '../../openapi/model/index.ts'
import { fieldsToBytes, toBytes } from './bytes.ts'
import { pickerOf } from './fields.ts'

/** Items that are serialized between two looks at the clock. Shorter pages are serialized at once. */
const atOnce = 100

/**
 * Serializes a long page in several turns of the event loop, and sets the type of the answer. Returns a short page as
 * an object, which is then serialized with the answer. Items are reduced to `fields`, if there are any.
 */
export async function serialize (
  page: Page<object>,
  fields: readonly string[] | undefined,
  reply: FastifyReply
): Promise<Page<object> | Buffer> {
  const { items, ...rest } = page
  if (items.length <= atOnce) {
    return fields === undefined ? page : { ...page, items: items.map(pickerOf(fields)) }
  }
  const parts: Buffer[] = []
  for (let i = 0; i < items.length; i += atOnce) {
    const over = turnOver()
    if (over !== undefined) await over
    const some = items.slice(i, i + atOnce)
    parts.push(fields === undefined ? toBytes(some) : fieldsToBytes(some, fields))
  }
  parts[0] = parts[0]!.subarray(1)
  if (!reply.hasHeader('content-type')) reply.type('application/json; charset=utf-8')
  return Buffer.concat([
    Buffer.from('{"items":['),
    ...parts,
    Buffer.from(`],${JSON.stringify(rest).slice(1)}`)
  ])
}
