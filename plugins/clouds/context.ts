import { setMaxListeners } from 'node:events'
import type { FastifyRequest } from 'fastify'
import type { CallContext } from './handle.ts'

/** The context of a read: it ends when the client disconnects. */
export function readContext (request: FastifyRequest): CallContext {
  let signal: AbortSignal | undefined
  return {
    requestId: request.id,
    log: request.log,
    traceparent: request.traceparent,
    caller () {
      if (signal !== undefined) return signal
      signal = request.signal
      // A list over many clouds has one call of each waiting for this signal. Node warns at more than ten listeners.
      setMaxListeners(0, signal)
      return signal
    }
  }
}

/** The context of a change: it continues when the client disconnects. */
export const writeContext = (request: FastifyRequest): CallContext => ({
  requestId: request.id,
  log: request.log,
  traceparent: request.traceparent,
  noteRequestId (id, operation) {
    request.trail?.providerIds.set(operation ?? '', id)
  }
})

export const contextOf = (request: FastifyRequest): CallContext =>
  request.method === 'GET' || request.method === 'HEAD'
    ? readContext(request)
    : writeContext(request)
