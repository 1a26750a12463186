import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError, type CallerLimits } from '../../openapi/model/index.ts'
import { addressOf } from './address.ts'
import { createWindow, type Use } from './window.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The limits of each caller; null if there are none. */
    callerLimits: CallerLimits | null
  }
}

const seconds = 60

const isChange = ({ raw: { method } }: FastifyRequest) => method !== 'GET' && method !== 'HEAD'

/** Anonymous callers are not one caller: each address has limits of its own. */
const keyOf = (request: FastifyRequest) => {
  const { caller } = request
  return caller.kind === 'anonymous' ? `anonymous ${addressOf(request)}` : caller.identity
}

/**
 * Limits the requests of each caller, in all and to each cloud, and its changes at once. The headers are those of
 * draft-ietf-httpapi-ratelimit-headers-10. Without `auth` there are no callers, and no limits. Several servers divide
 * the limits among them, as if the requests of a caller were spread evenly.
 */
export default fp(async (fastify, { settings: { limits } }: { settings: Settings }) => {
  const {
    requests_per_minute: requests,
    cloud_requests_per_minute: cloudRequests,
    changes_at_once: maxChanges
  } = limits.per_caller
  const { auth, membership: { partOf } } = fastify
  fastify.decorate(
    'callerLimits',
    auth.enabled
      ? {
          window_seconds: seconds,
          requests,
          cloud_requests: cloudRequests,
          changes_at_once: maxChanges
        }
      : null
  )
  if (!auth.enabled) return
  const callers = createWindow({ quota: requests, partOf, seconds })
  const clouds = createWindow({ quota: cloudRequests, partOf, seconds })
  const changes = new Map<string, number>()
  const refused = fastify.metrics.counter({
    name: 'rate_limited_total',
    help: 'Requests that were refused by a limit of their caller.',
    labels: ['limit']
  })

  const callerPolicy = `"caller";q=${requests};w=${seconds}`
  const cloudPolicy = `${callerPolicy}, "cloud";q=${cloudRequests};w=${seconds}`
  const itemOf = (name: string, { remaining, reset }: Use) => `"${name}";r=${remaining};t=${reset}`

  const tooMany = (limit: string, detail: string, wait: number) => {
    refused({ limit })
    return new ProblemError('rate_limited', detail, { retry_after: wait })
  }

  const limit = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    const key = keyOf(request)
    const { cloudOf } = request.routeOptions.config
    const cloud = cloudOf?.(request) ?? (request.params as { cloud?: string }).cloud
    const own = callers.take(key)
    const ofCloud = cloud === undefined ? undefined : clouds.take(`${cloud} ${key}`)
    reply.header('ratelimit-policy', ofCloud === undefined ? callerPolicy : cloudPolicy)
    reply.header(
      'ratelimit',
      ofCloud === undefined
        ? itemOf('caller', own)
        : `${itemOf('caller', own)}, ${itemOf('cloud', ofCloud)}`
    )
    if (!own.isAllowed) {
      return done(
        tooMany('caller', `A caller may send ${requests} requests in ${seconds} seconds`, own.reset)
      )
    }
    if (ofCloud?.isAllowed === false) {
      const detail =
        `A caller may send ${cloudRequests} requests to one cloud in ${seconds} seconds`
      return done(tooMany('cloud', detail, ofCloud.reset))
    }
    if (!isChange(request)) return done()

    const running = changes.get(key) ?? 0
    if (running >= partOf(maxChanges)) {
      return done(
        tooMany('changes', `A caller may have ${maxChanges} changes under way at once`, 1)
      )
    }
    changes.set(key, running + 1)
    reply.raw.once('close', () => {
      const left = changes.get(key)! - 1
      if (left === 0) changes.delete(key)
      else changes.set(key, left)
    })
    done()
  }

  // Directly after the caller is known.
  for (const stage of ['onRequest', 'preValidation'] as const) {
    fastify.addHook(
      stage,
      (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
        const { is404, routeOptions: { config } } = request
        if (is404 || config.level === 'open' || auth.stageOf(config) !== stage) return done()
        limit(request, reply, done)
      }
    )
  }
}, { name: 'limits', dependencies: ['auth', 'membership', 'metrics'] })
