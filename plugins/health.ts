import { Type } from 'typebox'
import fp from 'fastify-plugin'
import { ok, ProblemError } from '../openapi/model/index.ts'

const Status = Type.Object({ status: Type.Enum(['ok'], { type: 'string' }) })
// Asked every few seconds by whoever watches the server: not worth a log line each.
const quiet = { logLevel: 'warn' as const }

/** Whether the process lives, and whether it can serve. Clouds do not count: one that is down is no fault of this server. */
export default fp(async (fastify) => {
  fastify.get('/health/live', {
    ...quiet,
    schema: { operationId: 'getLiveness', summary: 'Whether the process lives', tags: ['Server'], response: ok(Status, 'It lives.') }
  }, async () => ({ status: 'ok' as const }))

  fastify.get('/health/ready', {
    ...quiet,
    schema: { operationId: 'getReadiness', summary: 'Whether the server can serve', tags: ['Server'], response: ok(Status, 'It can, even where clouds are down.') }
  }, async () => {
    if (fastify.closing) throw new ProblemError('shutting_down', 'The server is shutting down')
    await fastify.store.selectFrom('cursors').select('id').limit(1).execute()
    return { status: 'ok' as const }
  })
}, { name: 'health', dependencies: ['store', 'shutdown'] })
