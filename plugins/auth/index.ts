import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IssuerSettings, Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { createAnonymous, localCaller, type Caller } from './caller.ts'
import { createKeyCheck } from './key-check.ts'
import { createKeys, looksLikeKey, type Keys } from './keys.ts'
import { actionsOf, levelOf, type Action } from './levels.ts'
import { createFindPresent, type FindPresent } from './present-grants.ts'
import { createRefusals, type RefusalListener } from './refusals.ts'

export type { Caller } from './caller.ts'

declare module 'fastify' {
  interface FastifyInstance {
    auth: Auth
  }
  interface FastifyRequest {
    /** Who sends the request. Set before the cloud is looked up. */
    caller: Caller
  }
}

export interface Auth {
  /** Whether the settings have `auth`. Otherwise every request is of `localCaller`. */
  enabled: boolean
  /** Whether requests without a credential have grants. */
  hasAnonymous: boolean
  /** The actions of all routes, by name: `nodes.stop`. */
  actions: ReadonlyMap<string, Action>
  keys: Keys
  /** Reads the credential of a request again, after a long wait. Throws unauthenticated if it is not valid any more. */
  renew (request: FastifyRequest): Promise<void>
  /** Calls the listener with the caller of each token that is verified, which is at most once a minute for a token. */
  onAcceptedToken (listener: (caller: Caller) => void): void
  /** Returns a caller with its present grants, for what the server does later in its name. See present-grants.ts. */
  findPresent: FindPresent
  /** Calls the listener for each refusal, before the answer is sent. */
  onRefusal (listener: RefusalListener): void
  /** Tells the listeners about a refusal, and returns its problem. */
  refuse (request: FastifyRequest, caller: Caller | undefined, problem: ProblemError): ProblemError
}

/** RFC 6750, section 3: a request without a credential gets no error code. */
const challenge = (isGiven: boolean) =>
  `Bearer realm="Cloud Orchestrator"${isGiven ? ', error="invalid_token"' : ''}`

const bearer = /^bearer +(\S+) *$/i

/** Longer than any token of a usual provider. */
const maxTokenLength = 8192

/** Reads the token of a request; undefined without the header. Throws unauthenticated. */
function readToken ({ raw: { headers: { authorization } } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined
  const [, token] = authorization.length > maxTokenLength ? [] : bearer.exec(authorization) ?? []
  if (token === undefined) {
    throw new ProblemError('unauthenticated', 'The header Authorization is not valid; expected: Bearer TOKEN')
  }
  return token
}

/** A server without issuers does not load the library. */
async function loadTokenCheck (
  { log }: FastifyInstance, issuers: readonly IssuerSettings[], onAccepted: (caller: Caller) => void
) {
  if (issuers.length === 0) return undefined
  const { createTokenCheck } = await import('./tokens.ts')
  return createTokenCheck(issuers, log, onAccepted)
}

/**
 * Finds out who sends a request, from `Authorization: Bearer`. Permissions are checked by permissions.ts. Other plugins
 * use `request.caller` in their own onRequest hooks if they are registered later, and `fastify.auth.onRefusal`.
 */
export default fp(async (fastify, { settings: { auth } }: { settings: Settings }) => {
  const refusals = createRefusals()
  const actions = new Map<string, Action>()
  const keyCheck = createKeyCheck(fastify.store, fastify.log)
  const keys = createKeys(fastify.store, keyCheck.revoke)
  const tokenListeners: ((caller: Caller) => void)[] = []
  const common = {
    actions,
    keys,
    onRefusal: refusals.on,
    refuse: refusals.refuse,
    onAcceptedToken (listener: (caller: Caller) => void) { tokenListeners.push(listener) },
    findPresent: createFindPresent(fastify.store, auth?.issuers ?? [])
  }
  fastify.addHook('onRoute', (route) => {
    route.config = { ...route.config, level: levelOf(route) }
    // The list over all clouds has the same action as that of one cloud, which has the level.
    for (const [name, action] of actionsOf(route)) if (actions.get(name)?.isOnCloud !== true) actions.set(name, action)
  })
  if (auth === undefined) {
    fastify.decorate('auth', { ...common, enabled: false, hasAnonymous: false, async renew () {} })
    fastify.decorateRequest('caller', { getter: () => localCaller })
    return
  }

  fastify.decorateRequest('caller')
  const anonymous = createAnonymous(auth.anonymous)
  const checkToken = await loadTokenCheck(fastify, auth.issuers, (caller) => {
    for (const listener of tokenListeners) listener(caller)
  })

  const findCaller = (request: FastifyRequest): Caller | Promise<Caller> => {
    const token = readToken(request)
    if (token === undefined) {
      if (auth.anonymous.length > 0) return anonymous
      throw new ProblemError('unauthenticated', 'The request has no credential')
    }
    if (looksLikeKey(token) || checkToken === undefined) return keyCheck.find(token)
    return checkToken(token)
  }

  fastify.decorate('auth', {
    ...common,
    enabled: true,
    hasAnonymous: auth.anonymous.length > 0,
    async renew (request) { request.caller = await findCaller(request) }
  })

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: ProblemError) => {
    if (error.code !== 'unauthenticated') return error
    reply.header('www-authenticate', challenge(request.raw.headers.authorization !== undefined))
    return refusals.refuse(request, undefined, error)
  }

  fastify.addHook('onRequest', (request, reply, done) => {
    request.caller = anonymous
    if (request.is404 || request.routeOptions.config.level === 'open') return done()
    const accept = (caller: Caller) => {
      request.caller = caller
      done()
    }
    const reject = (error: unknown) => done(refuse(request, reply, error as ProblemError))
    try {
      const found = findCaller(request)
      // Not awaited: a promise for each request costs a few percent of a small list.
      if (found instanceof Promise) found.then(accept, reject)
      else accept(found)
    } catch (error) {
      reject(error)
    }
  })
}, { name: 'auth', dependencies: ['store'] })
