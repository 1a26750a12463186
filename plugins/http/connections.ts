import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import type { FastifyHttpOptions } from 'fastify'
import { ProblemError } from '../../openapi/model/index.ts'
import { writeProblem } from './index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body has no time limit, as long as bytes arrive. */
    isUpload?: boolean
  }
}

/** Milliseconds after which the server closes a connection. */
export interface ConnectionLimits {
  /** Until the headers of a request are complete; also until the first byte of a new connection. */
  headersMs: number
  /** Until a body that is no upload is complete. */
  bodyMs: number
  /** Without a byte in either direction, while a request or its answer is on the way. */
  stallMs: number
  /** Until the client has read a long answer. */
  answerMs: number
  /** Between two requests. Longer than the 60 s of common load balancers, so that they close first. */
  idleMs: number
}

const defaults: ConnectionLimits = {
  headersMs: 10_000,
  bodyMs: 30_000,
  stallMs: 60_000,
  answerMs: 120_000,
  idleMs: 72_000
}

/** Shorter answers fit into the buffers of the system. */
const longAnswer = 64 * 1024

/** Returns the options of the server that Node itself enforces. */
export function connectionOptions (
  given: Partial<ConnectionLimits> = {}
): FastifyHttpOptions<Server> {
  const { headersMs, stallMs, idleMs } = { ...defaults, ...given }
  return {
    connectionTimeout: stallMs,
    keepAliveTimeout: idleMs,
    http: {
      // The plugin http answers a request without Host. Node would answer with an empty 400.
      requireHostHeader: false,
      headersTimeout: headersMs,
      // It includes the body, and an upload may take hours.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.ceil(headersMs / 2)
    }
  }
}

const timeout = () =>
  new ProblemError('request_timeout', 'The request did not arrive completely in time')

/**
 * Ends a request in which no byte has moved for some time. A request that has arrived and has no answer yet is left:
 * its calls have deadlines of their own.
 */
function endStalled (this: ServerResponse, socket: Socket) {
  if (this.req.complete && !this.headersSent) return
  if (!this.headersSent) writeProblem(socket, timeout())
  socket.destroySoon()
}

/** Closes connections that make no progress: the client sends its body slowly, or does not read the answer. */
export default fp(
  async (fastify, { connections = {} }: { connections?: Partial<ConnectionLimits> }) => {
    const { bodyMs, answerMs } = { ...defaults, ...connections }

    fastify.addHook('onRequest', (request, reply, done) => {
      const { raw } = request
      reply.raw.on('timeout', endStalled)
      const hasBody = raw.headers['content-length'] !== undefined ||
        raw.headers['transfer-encoding'] !== undefined
      if (hasBody && request.routeOptions.config.isUpload !== true) {
        const timer = setTimeout(() => {
          if (raw.complete) return
          // The parser of the body answers with the error. Nothing listens if the request was answered before its body.
          if (reply.sent || raw.listenerCount('error') === 0) return raw.destroy()
          reply.header('connection', 'close')
          raw.emit('error', timeout())
        }, bodyMs).unref()
        const stop = () => clearTimeout(timer)
        raw.once('end', stop).once('close', stop)
      }
      done()
    })

    fastify.addHook('onSend', (_request, { raw }, payload, done) => {
      const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload)
      if (isWhole && payload.length >= longAnswer) {
        const timer = setTimeout(() => raw.destroy(), answerMs).unref()
        raw.once('close', () => clearTimeout(timer))
      }
      done()
    })
  },
  { name: 'connections', dependencies: ['http'] }
)
