import { constants } from 'node:zlib'
import compress from '@fastify/compress'
import fp from 'fastify-plugin'
import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'

/** Two representations with the same strong tag must be equal byte by byte (RFC 9110, section 8.8.1). */
function markTag (
  _request: FastifyRequest,
  reply: FastifyReply,
  _payload: unknown,
  done: DoneFuncWithErrOrRes
) {
  const encoding = reply.getHeader('content-encoding')
  const tag = reply.getHeader('etag')
  if (
    typeof encoding === 'string' && typeof tag === 'string' && tag.startsWith('"') &&
    tag.length === plainTagLength
  ) {
    reply.header('etag', `${tag.slice(0, -1)}-${encoding}"`)
  }
  done()
}

/** Fastify's hook that drops the body of HEAD. Fastify puts it first; then HEAD would not have the headers of GET. */
const isHeadHook = ({ name }: onSendHookHandler) => name === 'headRouteOnSendHandler'

/** Forty hexadecimal digits in quotes. */
const plainTagLength = 42

/**
 * Compresses answers over 1 kB for clients that accept it.
 *
 * The levels were chosen by processor time, because the server runs near its callers, mostly on loopback. Node.js 20,
 * lists of 100 and 1,000 nodes (57 and 574 kB) and the document (555 kB, indented), each in one synchronous call:
 *
 * | | 100 nodes | 1,000 nodes | document |
 * |---|---|---|---|
 * | brotli 1 | 65 µs, 3.9 kB | 0.6 ms, 37 kB | 0.8 ms, 28 kB |
 * | brotli 4 | 193 µs, 3.7 kB | 1.9 ms, 36 kB | 1.8 ms, 23 kB |
 * | gzip 3 | 90 µs, 4.5 kB | 1.3 ms, 42 kB | 1.8 ms, 37 kB |
 * | gzip 6 | 208 µs, 4.2 kB | 2.6 ms, 37 kB | 3.3 ms, 26 kB |
 *
 * So brotli 1 costs less than any level of gzip, and its results are as small as those of gzip 6. gzip 3 costs as much
 * as gzip 1. Node.js has zstd from version 22.15 on; it is left out, so that all versions answer in the same way.
 */
export default fp(async (fastify) => {
  await fastify.register(compress, {
    threshold: 1024,
    encodings: ['br', 'gzip'],
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } },
    zlibOptions: { level: 3 },
    // 1,000 nodes have up to 1.4 MB: one call blocks the event loop for 2 ms (gzip: 4 ms). A stream costs more.
    syncThreshold: 2 * 1024 * 1024,
    // A small compressed body can expand to gigabytes.
    globalDecompression: false
  })
  // This comes after the hook that compresses, which is a hook of each route as well.
  fastify.addHook('onRoute', (route) => {
    const hooks = [route.onSend ?? []].flat()
    if (route.method === 'GET') route.onSend = [...hooks, markTag]
    if (route.method !== 'HEAD') return
    const [dropBody] = hooks.filter(isHeadHook)
    route.onSend = [
      ...hooks.filter((hook) => !isHeadHook(hook)),
      markTag,
      (request, reply, payload, done) => {
        // A 304 has no body, for which Fastify's hook is not made.
        if (payload === null || dropBody === undefined) return done(null, null)
        dropBody.call(fastify, request, reply, payload, done)
      }
    ]
  })
}, { name: 'compression', dependencies: ['etags'] })
