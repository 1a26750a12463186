import fp from 'fastify-plugin'
import { ProblemError } from '../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server has begun to close. */
    readonly closing: boolean
  }
}

/** Milliseconds in which answers under way may end; then every connection is closed. */
const grace = 700

/**
 * Closes fast and completely: waits are answered with what is known, reads with 503, changes under way with their
 * operation, which the next start takes up.
 */
export default fp(async (fastify) => {
  let closing = false
  const ended = () => new ProblemError('shutting_down', 'The server is shutting down', { retry_after: 1 })
  fastify.decorate('closing', { getter: () => closing })

  // On a connection that was not idle a request may still come.
  fastify.addHook('onRequest', (_request, _reply, done) => done(closing ? ended() : undefined))

  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    // A client that keeps the connection would hold up the end.
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
