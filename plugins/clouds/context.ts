import { setMaxListeners } from 'node:events'
import type { FastifyRequest } from 'fastify'
import type { CallContext } from './cloud.ts'

/** The context of a read: it ends when the client disconnects. */
export const readContext = (request: FastifyRequest): CallContext => ({
  requestId: request.id,
  log: request.log,
  traceparent: request.traceparent,
  caller () {
    // A list over many clouds has one call of each waiting for this signal. Node warns at more than ten listeners.
    setMaxListeners(0, request.signal)
    return request.signal
  }
})

/** The context of a change: it continues when the client disconnects. */
export const writeContext = (request: FastifyRequest): CallContext => ({
  requestId: request.id,
  log: request.log,
  traceparent: request.traceparent,
  noteRequestId (id, operation) { request.trail?.providerIds.set(operation ?? '', id) }
})

export const contextOf = (request: FastifyRequest): CallContext =>
  request.method === 'GET' || request.method === 'HEAD' ? readContext(request) : writeContext(request)
