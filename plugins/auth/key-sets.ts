import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { FastifyBaseLogger } from 'fastify'
import { isSafeUrl } from '../../config/auth.ts'
import { ProblemError } from '../../openapi/model/index.ts'

const second = 1000
const timeoutMs = 5 * second
/** Milliseconds between two tries while the issuer has never answered. */
const retryMs = 5 * second
/** Milliseconds between two fetches for tokens with an unknown `kid`, which anybody can make. */
const pauseMs = 60 * second
/** Milliseconds after which the keys are fetched again in the background, so that withdrawn keys are noticed. */
const staleMs = 600 * second

async function fetchJson<Answer = Record<string, unknown>> (url: string): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`)
  return await response.json() as Answer
}

/** Fetches the keys of an issuer (OpenID Connect Discovery 1.0, section 4). */
async function fetchKeys (issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const { issuer: named, jwks_uri: keysUrl } = await fetchJson(url)
  if (named !== issuer) {
    throw new Error(`${url} is of the issuer ${JSON.stringify(named)}; expected "${issuer}"`)
  }
  if (typeof keysUrl !== 'string' || !isSafeUrl(keysUrl)) {
    throw new Error(`${url} has no https address in jwks_uri`)
  }
  return createLocalJWKSet(await fetchJson<JSONWebKeySet>(keysUrl))
}

/**
 * The keys of an issuer: fetched at the first token, again at most once a minute if a token names an unknown key, and
 * in the background from time to time. While the issuer cannot be reached, the last keys stay in use. The returned
 * function throws issuer_unavailable if there are none, or if a token names an unknown key and the keys could not be
 * fetched again.
 */
export function createKeySet (issuer: string, log: FastifyBaseLogger): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined
  let isOutdated = false
  let triedAt = -Infinity
  /** When a token with an unknown key last made the server fetch the keys. */
  let askedAt = -Infinity
  let running: Promise<void> | undefined

  const refresh = async () => {
    triedAt = performance.now()
    try {
      keys = await fetchKeys(issuer)
      isOutdated = false
    } catch (err) {
      isOutdated = true
      log.warn({ err, issuer }, 'the keys of an issuer could not be fetched; this is tried again')
    }
  }
  /** Concurrent callers share one fetch. */
  const refreshOnce = () => {
    running ??= refresh().finally(() => {
      running = undefined
    })
    return running
  }
  const since = (time: number) => performance.now() - time
  const unavailable = (waitMs: number) =>
    new ProblemError('issuer_unavailable', `The keys of the issuer ${issuer} cannot be fetched`, {
      retry_after: Math.ceil(waitMs / second)
    })

  /** Fetches the keys for a token that names an unknown one. The first fetch of all does not count for the pause. */
  const refreshForUnknown = async (error: unknown) => {
    if (running !== undefined) return running
    if (since(askedAt) >= pauseMs) {
      askedAt = performance.now()
      return refreshOnce()
    }
    throw isOutdated ? unavailable(pauseMs - since(askedAt)) : error
  }

  return async (header, token) => {
    if (keys === undefined && (running !== undefined || since(triedAt) > retryMs)) {
      await refreshOnce()
    }
    if (keys === undefined) throw unavailable(retryMs)
    // Not awaited: the keys at hand are still good.
    if (since(triedAt) > staleMs) refreshOnce()
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await refreshForUnknown(error)
      if (isOutdated) throw unavailable(pauseMs - since(askedAt))
      return keys(header, token)
    }
  }
}
