import fp from 'fastify-plugin'
import { ProblemError } from '../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server is closing. */
    readonly closing: boolean
  }
}

/** Milliseconds for answers under way to end. Then the server closes every connection. */
const grace = 700

/**
 * Closes fast and completely: waits are answered with the operation as it is, reads with 503, changes under way with
 * their operation, which the next start continues.
 */
export default fp(async (fastify) => {
  let closing = false
  const ended = () => new ProblemError('shutting_down', 'The server is shutting down', { retry_after: 1 })
  fastify.decorate('closing', { getter: () => closing })

  // A request may still arrive on a connection that was not idle.
  fastify.addHook('onRequest', (_request, _reply, done) => done(closing ? ended() : undefined))

  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    // An idle connection would delay the close.
    if (closing) reply.header('connection', 'close')
    done()
  })

  fastify.addHook('preClose', async () => {
    closing = true
    fastify.farm.abort(ended())
    fastify.server.closeIdleConnections()
    setTimeout(() => fastify.server.closeAllConnections(), grace).unref()
  })
}, { name: 'shutdown', dependencies: ['clouds'] })
