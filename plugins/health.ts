import { Type } from '#typebox'
import fp from 'fastify-plugin'
import { ok, ProblemError } from '../openapi/model/index.ts'

const Status = Type.Object({ status: Type.Enum(['ok'], { type: 'string' }) })
// Monitoring polls these routes every few seconds. They log only problems.
const quiet = { logLevel: 'warn' as const, config: { level: 'open' as const } }

/** Liveness and readiness. A cloud that is down changes neither: it is not a failure of this server. */
export default fp(async (fastify) => {
  fastify.get('/health/live', {
    ...quiet,
    schema: {
      operationId: 'getLiveness',
      summary: 'Check that the process runs',
      tags: ['Server'],
      response: ok(Status, 'The process runs.')
    }
  }, async () => ({ status: 'ok' as const }))

  fastify.get('/health/ready', {
    ...quiet,
    schema: {
      operationId: 'getReadiness',
      summary: 'Check that the server can answer requests',
      description: 'A cloud that is down does not change the result.',
      tags: ['Server'],
      response: ok(Status, 'The server can answer requests.')
    }
  }, async () => {
    if (fastify.closing) throw new ProblemError('shutting_down', 'The server is shutting down')
    await fastify.probeStore()
    return { status: 'ok' as const }
  })
}, { name: 'health', dependencies: ['store', 'shutdown'] })
