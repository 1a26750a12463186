import type { FastifyReply } from 'fastify'
import { turnOver } from '../../drivers/common/turns.ts'
import type { Page } from '../../openapi/model/index.ts'

/** Items that are serialized between two looks at the clock. Shorter pages are serialized at once. */
const atOnce = 100

/**
 * Serializes a long page in several turns of the event loop, and sets the type of the answer. Returns a short page as
 * it is, which is then serialized with the answer.
 */
export async function serialize (
  page: Page<object>,
  reply: FastifyReply
): Promise<Page<object> | string> {
  const { items, ...rest } = page
  if (items.length <= atOnce) return page
  const parts: string[] = []
  for (let i = 0; i < items.length; i += atOnce) {
    const over = turnOver()
    if (over !== undefined) await over
    parts.push(JSON.stringify(items.slice(i, i + atOnce)).slice(1, -1))
  }
  if (!reply.hasHeader('content-type')) reply.type('application/json; charset=utf-8')
  return `{"items":[${parts.join()}],${JSON.stringify(rest).slice(1)}`
}
