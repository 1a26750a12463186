import type { Token } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Context } from '../../driver.ts'
import { createSingleFlight } from '../../common/single-flight.ts'
import type { Service } from './catalog.ts'

/** A token and the endpoints that it is valid for. */
export interface Access {
  /** The secret that each call carries. */
  readonly token: string
  /** Returns the token of one service for openstack-client. Throws if the catalog has no endpoint for it. */
  of(service: Service): Token
  /** Region of the compute endpoint; null if the catalog names none. */
  readonly region: string | null
  /** Id of the project, if the identity service names it. */
  readonly project?: string
  /** True after a service has accepted the token. */
  accepted: boolean
}

/** The answer of an identity service. */
export interface Grant {
  access: Access
  /** Lifetime of the token in milliseconds. */
  lifetime: number
  /** Returns whether the catalog has a service. */
  hasService(service: Service): boolean
  /** Whether the account administers the cloud. Default: false. */
  isAdmin?: boolean
}

/** Holds the token of one cloud. */
export interface Session {
  /**
   * Returns the current access. Authenticates if there is none or if it ends soon. Throws
   * provider_auth_failed.
   */
  access(call: Call): Promise<Access>
  /** Replaces a token that a service has refused: one authentication for all calls that were refused. */
  renew(refused: string, call: Call): Promise<Access>
  /**
   * Reads the catalog again after an endpoint could not be reached, because it may have moved. Returns undefined if the
   * catalog was read a moment ago or cannot be read.
   */
  relocate(unreachable: Access, call: Call): Promise<Access | undefined>
  /** Returns the region of the last access; null before the first. */
  region(): string | null
  /** Returns whether the catalog has a service; true until the catalog was read. */
  hasService(service: Service): boolean
  /** Returns whether the account administers the cloud, by its last token. */
  isAdmin(): boolean
  refresh(): void
}

export interface AccessOptions extends Pick<Access, 'token' | 'region' | 'project'> {
  /**
   * Finds the URLs of a service, by their types in the catalog of openstack-client. Throws if there
   * is none.
   */
  findUrls(service: Service): Readonly<Record<string, string>>
}

/** Makes the access of a new token. The URLs of a service are found at its first call. */
export function createAccess ({ token, region, project, findUrls }: AccessOptions): Access {
  const tokens = new Map<Service, Token>()
  const makeToken = (service: Service) => {
    const catalog = Object.entries(findUrls(service)).map(([type, url]) => ({
      type,
      endpoints: [{ interface: 'public', url }]
    }))
    tokens.set(service, { token, catalog })
    return { token, catalog }
  }
  return {
    token,
    of: (service) => tokens.get(service) ?? makeToken(service),
    region,
    project,
    accepted: false
  }
}

interface CacheEntry {
  grant: Grant
  /** `performance.now()` from which the token is renewed, while it still works. */
  renewAt: number
  /** `performance.now()` at which the token ends. */
  endsAt: number
  /** `performance.now()` at which this token replaced one that a service refused. */
  replacedAt?: number
}

/**
 * Milliseconds in which a credential error is replayed instead of retried, so that retries cannot
 * lock the account.
 */
const refusalPause = 5000

/** Milliseconds between two reads of the catalog because of an unreachable endpoint. */
const relocationPause = 10_000

export interface TokenCacheOptions {
  /** Milliseconds that an authentication may take. */
  timeout: number
  /** Name of the identity service, for messages. */
  issuer: string
  /** Requests a token. Throws provider_auth_failed if the credentials are refused. */
  authenticate: (call: Call) => Promise<Grant>
  /** Takes each token, so that nothing that leaves the driver contains it. */
  secrets?: Context['secrets']
}

/**
 * Caches one token. All calls that wait for a token share one authentication. The token is renewed
 * five minutes before its end, or in the last fifth of a short life, and once for all calls that a
 * service has refused.
 */
export function createTokenCache (
  { timeout, issuer, authenticate, secrets }: TokenCacheOptions
): Session {
  let entry: CacheEntry | undefined
  let refusal: { problem: ProblemError, until: number } | undefined
  let generation = 0
  /** `performance.now()` of the last authentication that was begun. */
  let askedAt = -Infinity

  const requestToken = createSingleFlight(timeout, async (call) => {
    const begun = generation
    const now = performance.now()
    askedAt = now
    try {
      const grant = await authenticate(call)
      secrets?.add(grant.access.token)
      const early = Math.min(300_000, grant.lifetime / 5)
      const fresh: CacheEntry = {
        grant,
        renewAt: now + grant.lifetime - early,
        endsAt: now + grant.lifetime
      }
      if (begun === generation) entry = fresh
      return fresh
    } catch (error) {
      const isRefusal = error instanceof ProblemError && error.code === 'provider_auth_failed'
      if (isRefusal && begun === generation) {
        refusal = { problem: error, until: performance.now() + refusalPause }
      }
      throw error
    }
  })

  const recentRefusal = () =>
    refusal !== undefined && performance.now() < refusal.until ? refusal.problem : undefined

  const requestUnlessRefused = (call: Call) => {
    const problem = recentRefusal()
    if (problem !== undefined) throw problem
    return requestToken(call)
  }

  return {
    async access (call) {
      const now = performance.now()
      if (entry === undefined || now >= entry.endsAt) {
        return (await requestUnlessRefused(call)).grant.access
      }
      // Renew early in the background. If that fails, the current token still works.
      if (now >= entry.renewAt && recentRefusal() === undefined) requestToken(call).catch(() => {})
      return entry.grant.access
    },

    async renew (refused, call) {
      if (entry !== undefined && entry.grant.access.token !== refused) return entry.grant.access
      if (wasJustReplaced(entry)) {
        const detail = `The cloud refuses a token that ${issuer} has just made`
        throw new ProblemError('provider_auth_failed', detail, {
          hint: `The services of the cloud and its ${issuer} disagree; look at the cloud itself.`
        })
      }
      const fresh = await requestUnlessRefused(call)
      fresh.replacedAt ??= performance.now()
      return fresh.grant.access
    },

    async relocate (unreachable, call) {
      if (entry !== undefined && entry.grant.access !== unreachable) return entry.grant.access
      if (performance.now() < askedAt + relocationPause || recentRefusal() !== undefined) {
        return undefined
      }
      try {
        return (await requestToken(call)).grant.access
      } catch {
        // The endpoint that could not be reached says more.
        return undefined
      }
    },

    region: () => entry?.grant.access.region ?? null,
    hasService: (service) => entry?.grant.hasService(service) ?? true,
    isAdmin: () => entry?.grant.isAdmin === true,

    refresh () {
      generation++
      entry = undefined
      refusal = undefined
    }
  }
}

/** Returns whether a token replaced a refused one a moment ago and no service has accepted it since. */
const wasJustReplaced = ({ replacedAt, grant }: Partial<CacheEntry> = {}) =>
  replacedAt !== undefined && !grant?.access.accepted &&
  performance.now() < replacedAt + refusalPause
