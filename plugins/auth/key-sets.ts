import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { FastifyBaseLogger } from 'fastify'
import { isSafeUrl } from '../../config/auth.ts'
import { ProblemError } from '../../openapi/model/index.ts'

const second = 1000
const timeoutMs = 5 * second
/** Milliseconds between two tries while the issuer has never answered. */
const retryMs = 5 * second
/** Milliseconds between two fetches: a token with an unknown `kid` must not cause more of them. */
const pauseMs = 60 * second
/** Milliseconds after which the keys are fetched again in the background, so that withdrawn keys are noticed. */
const staleMs = 600 * second

async function fetchJson (url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`)
  return await response.json() as Record<string, unknown>
}

/** Fetches the keys of an issuer (OpenID Connect Discovery 1.0, section 4). */
async function fetchKeys (issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const { issuer: named, jwks_uri: keysUrl } = await fetchJson(url)
  if (named !== issuer) throw new Error(`${url} is of the issuer ${JSON.stringify(named)}; expected "${issuer}"`)
  if (typeof keysUrl !== 'string' || !isSafeUrl(keysUrl)) throw new Error(`${url} has no https address in jwks_uri`)
  return createLocalJWKSet(await fetchJson(keysUrl) as unknown as JSONWebKeySet)
}

/**
 * The keys of an issuer: fetched at the first token, again at most once a minute if a token names an unknown key, and
 * in the background from time to time. While the issuer cannot be reached, the last keys stay in use. The returned
 * function throws issuer_unavailable if there are none.
 */
export function createKeySet (issuer: string, log: FastifyBaseLogger): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined
  let triedAt = -Infinity
  let running: Promise<void> | undefined

  const refresh = async () => {
    triedAt = performance.now()
    try {
      keys = await fetchKeys(issuer)
    } catch (err) {
      log.warn({ err, issuer }, 'the keys of an issuer could not be fetched; this is tried again')
    }
  }
  /** Concurrent callers share one fetch. */
  const refreshOnce = () => {
    running ??= refresh().finally(() => { running = undefined })
    return running
  }
  const sinceTry = () => performance.now() - triedAt

  return async (header, token) => {
    if (keys === undefined && (running !== undefined || sinceTry() > retryMs)) await refreshOnce()
    if (keys === undefined) {
      throw new ProblemError('issuer_unavailable', `The keys of the issuer ${issuer} cannot be fetched`, {
        retry_after: retryMs / second
      })
    }
    // Not awaited: the keys at hand are still good.
    if (sinceTry() > staleMs) refreshOnce()
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      if (running === undefined && sinceTry() < pauseMs) throw error
      await refreshOnce()
      return keys(header, token)
    }
  }
}
