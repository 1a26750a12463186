import { hash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest } from 'fastify'

/** SHA-1, because processors compute it: it takes 0.9 µs for 1 kB, half of MD5. No secret depends on it. */
const digest = (text: string) => hash('sha1', text)

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
/** Characters. */
const longList = 16_384
const times = /"(?:elapsed_ms|as_of)":[^,}]+/g

/** Computes the tag of a list without the times at which and in which its clouds answered. */
function tagOfList (payload: string) {
  const at = payload.lastIndexOf(sourcesStart)
  if (at === -1) return digest(payload)
  const items = payload.slice(0, at)
  // Joining long texts would copy them, which costs as much as half of the digest.
  return digest((at > longList ? digest(items) : items) + payload.slice(at).replaceAll(times, ''))
}

function answer (
  { headers }: FastifyRequest,
  reply: FastifyReply,
  tag: string,
  prefix: string,
  done: DoneFuncWithErrOrRes
) {
  reply.header('etag', `${prefix}"${tag}"`)
  const condition = headers['if-none-match']
  if (condition === undefined || !hasTag(condition, tag)) return done()
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  done(null, null)
}

/** Only whole answers that may be stored are tagged. */
const isTagged = (reply: FastifyReply, payload: unknown): payload is string =>
  typeof payload === 'string' && reply.statusCode === 200 &&
  reply.getHeader('cache-control') !== 'no-store'

function tagResource (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes
) {
  if (!isTagged(reply, payload)) return done()
  answer(request, reply, digest(payload), '', done)
}

function tagList (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes
) {
  if (!isTagged(reply, payload)) return done()
  answer(request, reply, tagOfList(payload), 'W/', done)
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
