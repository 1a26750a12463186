import fp from 'fastify-plugin'
import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction
} from 'fastify'
import type { IssuerSettings, Settings } from '../../config/index.ts'
import type { ProblemError } from '../../openapi/model/index.ts'
import { createAnonymous, localCaller, type Caller } from './caller.ts'
import { changedCredential } from './changed.ts'
import { createKeyCheck } from './key-check.ts'
import { createKeys, looksLikeKey, type Keys } from './keys.ts'
import { actionsOf, levelOf, type Action } from './levels.ts'
import { createFindPresent, type FindPresent } from './present-grants.ts'
import { createRefusals, type RefusalListener } from './refusals.ts'
import { createBearerSource, createSources, type CredentialSource } from './sources.ts'

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
  renew(request: FastifyRequest): Promise<void>
  /** Adds a source of credentials for the routes that name it in `config.credential`. */
  addSource(name: string, source: CredentialSource): void
  /** When the credential of a request with this route is read, and its permission is checked. */
  stageOf(config: FastifyContextConfig): CredentialSource['stage']
  /** Calls the listener with the caller of each token that is verified, which is at most once a minute for a token. */
  onAcceptedToken(listener: (caller: Caller) => void): void
  /** Returns a caller with its present grants, for what the server does later in its name. See present-grants.ts. */
  findPresent: FindPresent
  /** Calls the listener for each refusal, before the answer is sent. */
  onRefusal(listener: RefusalListener): void
  /** Tells the listeners about a refusal, and returns its problem. */
  refuse(request: FastifyRequest, caller: Caller | undefined, problem: ProblemError): ProblemError
}

/** A server without issuers does not load the library. */
async function loadTokenCheck (
  { log }: FastifyInstance,
  issuers: readonly IssuerSettings[],
  onAccepted: (caller: Caller) => void
) {
  if (issuers.length === 0) return undefined
  const { createTokenCheck } = await import('./tokens.ts')
  return createTokenCheck(issuers, log, onAccepted)
}

/**
 * Finds out who sends a request, from `Authorization: Bearer` or from the source that its route names. Permissions are
 * checked by permissions.ts. Other plugins use `request.caller` in their own hooks of the same stage if they are
 * registered later, and `fastify.auth.onRefusal`.
 */
export default fp(async (fastify, { settings: { auth } }: { settings: Settings }) => {
  const refusals = createRefusals()
  const actions = new Map<string, Action>()
  const { events } = fastify
  const keyCheck = createKeyCheck(fastify.store, fastify.log, events.isCurrent)
  events.onSeen((event) => {
    const { key } = changedCredential(event) ?? {}
    if (key !== undefined) keyCheck.revoke(key)
  })
  const keys = createKeys(fastify.store, keyCheck.revoke)
  const tokenListeners: ((caller: Caller) => void)[] = []
  const common = {
    actions,
    keys,
    onRefusal: refusals.on,
    refuse: refusals.refuse,
    onAcceptedToken (listener: (caller: Caller) => void) {
      tokenListeners.push(listener)
    },
    findPresent: createFindPresent(fastify.store, auth?.issuers ?? [])
  }
  fastify.addHook('onRoute', (route) => {
    route.config = { ...route.config, level: levelOf(route) }
    // The list over all clouds has the same action as that of one cloud, which has the level.
    for (const [name, action] of actionsOf(route)) {
      if (actions.get(name)?.isOnCloud !== true) actions.set(name, action)
    }
  })
  if (auth === undefined) {
    fastify.decorate('auth', {
      ...common,
      enabled: false,
      hasAnonymous: false,
      async renew () {},
      addSource () {},
      stageOf: () => 'onRequest'
    })
    fastify.decorateRequest('caller', { getter: () => localCaller })
    return
  }

  fastify.decorateRequest('caller')
  const anonymous = createAnonymous(auth.anonymous)
  const checkToken = await loadTokenCheck(fastify, auth.issuers, (caller) => {
    for (const listener of tokenListeners) listener(caller)
  })

  const hasAnonymous = auth.anonymous.length > 0
  const sources = createSources(
    createBearerSource(hasAnonymous ? anonymous : undefined, (token) =>
      looksLikeKey(token) || checkToken === undefined ? keyCheck.find(token) : checkToken(token))
  )
  const sourceOf = ({ routeOptions: { config } }: FastifyRequest) => sources.of(config.credential)

  fastify.decorate('auth', {
    ...common,
    enabled: true,
    hasAnonymous,
    async renew (request) {
      request.caller = await sourceOf(request).find(request)
    },
    addSource: sources.add,
    stageOf: ({ credential }) => sources.of(credential).stage
  })

  const authenticate = (
    source: CredentialSource,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction
  ) => {
    const accept = (caller: Caller) => {
      request.caller = caller
      done()
    }
    const reject = (error: unknown) => {
      const problem = error as ProblemError
      if (problem.code !== 'unauthenticated') return done(problem)
      source.challenge?.(request, reply)
      done(refusals.refuse(request, undefined, problem))
    }
    try {
      const found = source.find(request)
      // Not awaited: a promise for each request costs a few percent of a small list.
      if (found instanceof Promise) found.then(accept, reject)
      else accept(found)
    } catch (error) {
      reject(error)
    }
  }

  const authenticateAt =
    (stage: CredentialSource['stage']) =>
      (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
        if (stage === 'onRequest') request.caller = anonymous
        if (request.is404 || request.routeOptions.config.level === 'open') return done()
        const source = sourceOf(request)
        if (source.stage !== stage) return done()
        authenticate(source, request, reply, done)
      }
  fastify.addHook('onRequest', authenticateAt('onRequest'))
  fastify.addHook('preValidation', authenticateAt('preValidation'))
}, { name: 'auth', dependencies: ['store', 'events'] })
