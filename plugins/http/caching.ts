import fp from 'fastify-plugin'
import type { FastifyReply } from 'fastify'

/** The request headers that select an answer. @fastify/compress looks for its header in lower case. */
const vary = 'accept-encoding, authorization, x-auth-token, origin'

/** Marks an answer that contains a secret: no cache and no browser may store it. */
export const forbidStorage = (reply: FastifyReply) => reply.header('cache-control', 'no-store')

/** Whether the body of a change has a secret: itself, or in one of the operations of a bulk action. */
export function hasSecrets (body: { secrets?: object, items?: { operation?: object | null }[] }) {
  if (body.secrets !== undefined) return true
  return body.items?.some(({ operation }) => operation && 'secrets' in operation) ?? false
}

/**
 * Cache headers of all answers. The state of a cloud changes at any time, so every cached answer must be validated with
 * its ETag. Answers that are not those of an operation, such as the document, are the same for all callers.
 */
export default fp(async (fastify) => {
  fastify.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'private, no-cache').header('vary', vary)
    done()
  })

  fastify.addHook('onRoute', (route) => {
    if (
      (route.method !== 'GET' && route.method !== 'HEAD') || route.schema?.operationId !== undefined
    ) return
    const share = (_request: unknown, reply: FastifyReply, done: () => void) => {
      reply.header('cache-control', 'public, no-cache')
      done()
    }
    route.onRequest = [share, ...[route.onRequest ?? []].flat()]
  })
}, { name: 'caching' })
