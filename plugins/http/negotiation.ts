import accepts from '@fastify/accepts'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import { partialType, ProblemError } from '../../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The media type of the answers, if it is not JSON. Problems are JSON in any case. */
    mediaType?: string
  }
}

/** Number of values of Accept to remember. A hostile client must not fill the memory. */
const maxRemembered = 100

/** Refuses operations to a client whose Accept excludes their media type, before anything is changed. */
export default fp(async (fastify) => {
  await fastify.register(accepts)
  const passed = new Set<string>()

  const acceptsJson = (request: FastifyRequest, accept: string) => {
    if (passed.has(accept)) return true
    // `*/*` must not stand for the type of a list with `fields` if JSON itself is excluded.
    if (request.type(['application/json']) === false && !accept.includes(partialType)) return false
    if (passed.size < maxRemembered) passed.add(accept)
    return true
  }

  fastify.addHook('onRoute', (route) => {
    // Health checks of load balancers send all kinds of Accept.
    const isOperation = route.schema?.operationId !== undefined && !route.url.startsWith('/health/')
    if (!isOperation) return
    const { mediaType } = route.config ?? {}
    const accepts = mediaType === undefined
      ? acceptsJson
      : (request: FastifyRequest) => request.type([mediaType]) !== false
    const checkAccept = (
      request: FastifyRequest,
      _reply: unknown,
      done: (error?: Error) => void
    ) => {
      const { accept } = request.raw.headers
      if (accept === undefined || accepts(request, accept)) return done()
      done(
        new ProblemError(
          'not_acceptable',
          `Accept: ${accept.slice(0, 255)} excludes ${mediaType ?? 'application/json'}`
        )
      )
    }
    route.onRequest = [checkAccept, ...[route.onRequest ?? []].flat()]
  })
}, { name: 'negotiation', dependencies: ['http'] })
