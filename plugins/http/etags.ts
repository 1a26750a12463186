import { hash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest } from 'fastify'

/** SHA-1, because processors compute it: it takes 0.9 µs for 1 kB, half of MD5. No secret depends on it. */
const digest = (content: string | Buffer) => hash('sha1', content)

/**
 * Returns the opaque tag of a resource. `extra` and `fields` change the representation, so they change the tag.
 */
export const tagOf = (resource: object) => digest(JSON.stringify(resource))

/**
 * Whether If-Match or If-None-Match contains a tag. The comparison is weak, and ignores what proxies append when they
 * compress an answer, such as `-gzip`: a tag of ours has a fixed length.
 */
export const hasTag = (header: string, tag: string) =>
  header.trim() === '*' || header.includes(`"${tag}`)

/** The part of a list after its items, in which only the times differ from one answer to the next. */
const sourcesStart = ',"sources":['
const times = /"(?:elapsed_ms|as_of)":[^,}]+/g

/** Computes the tag of a list without the times at which and in which its clouds answered. */
function tagOfList (payload: string | Buffer) {
  const at = payload.lastIndexOf(sourcesStart)
  if (at === -1) return digest(payload)
  if (typeof payload === 'string') {
    return digest(payload.slice(0, at) + payload.slice(at).replaceAll(times, ''))
  }
  return digest(
    digest(payload.subarray(0, at)) + payload.subarray(at).toString().replaceAll(times, '')
  )
}

function answer (
  { headers }: FastifyRequest,
  reply: FastifyReply,
  tag: string,
  prefix: string,
  payload: string | Buffer,
  done: DoneFuncWithErrOrRes
) {
  reply.header('etag', `${prefix}"${tag}"`)
  const condition = headers['if-none-match']
  if (condition === undefined || !hasTag(condition, tag)) return done(null, payload)
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  done(null, null)
}

/** Only whole answers that may be stored are tagged, unless they were kept with their tag. */
const isTagged = (reply: FastifyReply, payload: unknown): payload is string | Buffer =>
  (typeof payload === 'string' || Buffer.isBuffer(payload)) && reply.statusCode === 200 &&
  !reply.hasHeader('etag') && reply.getHeader('cache-control') !== 'no-store'

function tagResource (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes
) {
  if (!isTagged(reply, payload)) return done()
  answer(request, reply, digest(payload), '', payload, done)
}

/** Characters of a list whose text is encoded once, here, and not for its length, its tag and its way to the client. */
const longList = 16_384

function tagList (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes
) {
  if (!isTagged(reply, payload)) return done()
  const isLongText = typeof payload === 'string' && payload.length > longList
  const body = isLongText ? Buffer.from(payload) : payload
  answer(request, reply, tagOfList(body), 'W/', body, done)
}

/**
 * Adds ETag to the answers of GET, and answers If-None-Match with 304: a strong tag over the whole representation of a
 * resource, a weak one over a list.
 */
export default fp(async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    if (
      (route.method !== 'GET' && route.method !== 'HEAD') ||
      /^\/(health|docs)(\/|$)/.test(route.url)
    ) return
    const isList = route.schema?.operationId?.startsWith('list') ?? false
    // Before the hooks that compress and that drop the body of HEAD.
    route.onSend = [isList ? tagList : tagResource, ...[route.onSend ?? []].flat()]
  })
}, { name: 'etags', dependencies: ['http'] })
