import fp from 'fastify-plugin'
import type {
  DoneFuncWithErrOrRes,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  RouteOptions
} from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Settings } from '../../config/index.ts'
import type { Caller } from '../auth/caller.ts'
import type { Answer } from '../clouds/shared-reads.ts'
import { hasTag } from './etags.ts'

declare module 'fastify' {
  interface FastifyInstance {
    answers: Answers
  }
  interface FastifyRequest {
    /** Under which terms the answer to this request may be kept; null if it may not. */
    keptAnswer: Terms | null
  }
}

interface Terms extends Pick<Answer<object>, 'asOf' | 'until' | 'isCurrent'> {}

export interface Answers {
  /**
   * Allows to keep the answer to this request as long as all the answers of clouds may be shown of which it is made. An
   * answer that is undefined failed, and forbids it. Sets `Age` if one of them is from before this request.
   */
  allow(request: FastifyRequest, reply: FastifyReply, answers: readonly (Terms | undefined)[]): void
}

interface KeptAnswer extends Terms {
  body: Buffer
  headers: Record<string, string>
}

/** The headers that belong to the body. All others are set for each request. */
const keptHeaders = ['content-type', 'content-encoding', 'etag', 'link', 'vary'] as const

/** Whether a client refuses answers from before (RFC 9111, section 5.2.1). */
export const wantsFresh = ({ raw: { headers: { 'cache-control': control } } }: FastifyRequest) =>
  control !== undefined && /\b(?:no-cache|no-store|max-age=0)\b/i.test(control)

const isKept = ({ method, schema, url }: RouteOptions) =>
  method === 'GET' && schema?.operationId !== undefined && !url.includes('/operations')

const scopes = new WeakMap<Caller, string>()

/** Identifies what a caller may see: callers with the same grants get the same answers. */
export function scopeOf (caller: Caller): string {
  const known = scopes.get(caller)
  if (known !== undefined) return known
  const scope = caller.kind === 'local' ? '' : JSON.stringify(caller.grants)
  scopes.set(caller, scope)
  return scope
}

/** Seconds since an answer of a cloud. */
const ageOf = ({ asOf }: Terms) => Math.max(0, Math.floor((Date.now() - asOf) / 1000))

function toHeaders (reply: FastifyReply) {
  const headers: Record<string, string> = {}
  for (const name of keptHeaders) {
    const value = reply.getHeader(name)
    if (value !== undefined) headers[name] = String(value)
  }
  return headers
}

/**
 * Keeps the bytes of answers that were put together from answers of clouds, serialized and compressed, with their tags.
 * They are shown to callers with the same permissions for as long as the answers of the clouds may be shown.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const kept = new LRUCache<string, KeptAnswer>({
    maxSize: settings.cache_mb * 2 ** 20,
    sizeCalculation: ({ body }, key) => body.length + 2 * key.length + 512
  })

  const keyOf = (
    { caller, raw: { url, headers: { 'accept-encoding': encodings = '' } } }: FastifyRequest
  ) => `${scopeOf(caller)} ${encodings} ${url}`

  fastify.decorateRequest('keptAnswer', null)
  fastify.decorate('answers', {
    allow (request, reply, answers) {
      if (answers.length === 0 || !answers.every((answer) => answer !== undefined)) return
      const asOf = Math.min(...answers.map((answer) => answer.asOf))
      const until = Math.min(...answers.map((answer) => answer.until))
      const terms = { asOf, until, isCurrent: () => answers.every((answer) => answer.isCurrent()) }
      const age = ageOf(terms)
      if (age > 0) reply.header('age', age)
      if (until > performance.now()) request.keptAnswer = terms
    }
  })

  const serve = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    if (wantsFresh(request)) return done()
    const key = keyOf(request)
    const answer = kept.get(key)
    if (answer === undefined) return done()
    if (performance.now() >= answer.until || !answer.isCurrent()) {
      kept.delete(key)
      return done()
    }
    const { headers, body } = answer
    reply.headers(headers).header('age', ageOf(answer))
    const condition = request.raw.headers['if-none-match']
    const tag = headers['etag']?.replace(/^W\//, '').slice(1, -1)
    if (condition === undefined || tag === undefined || !hasTag(condition, tag)) {
      reply.send(body)
      return
    }
    reply.code(304).removeHeader('content-type').removeHeader('content-encoding').send()
  }

  const keep = (
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: DoneFuncWithErrOrRes
  ) => {
    const { keptAnswer: terms } = request
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload)
    if (terms !== null && isWhole && reply.statusCode === 200 && terms.isCurrent()) {
      const body = typeof payload === 'string' ? Buffer.from(payload) : payload
      kept.set(keyOf(request), { ...terms, body, headers: toHeaders(reply) })
    }
    done(null, payload)
  }

  fastify.addHook('onRoute', (route) => {
    if (!isKept(route)) return
    // After the hooks that know the caller and the cloud, and after those that tag and compress.
    route.onRequest = [...[route.onRequest ?? []].flat(), serve]
    route.onSend = [...[route.onSend ?? []].flat(), keep]
  })
}, { name: 'answers', dependencies: ['auth', 'clouds', 'compression'] })
