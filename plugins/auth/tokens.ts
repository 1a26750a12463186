import { decodeJwt, errors, jwtVerify } from 'jose'
import type { FastifyBaseLogger } from 'fastify'
import type { IssuerSettings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { hashText } from '../fingerprint.ts'
import { createCaller, type Caller } from './caller.ts'
import { grantsFor, nameFor } from './claims.ts'
import { createKeySet } from './key-sets.ts'

/** Signatures by a private key that only the issuer has. Without this list, HS256 could be made with a public key. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519'
]

/** Seconds by which the clocks may differ. */
const clockTolerance = 5

/** Milliseconds for which a verified token is known. */
const knownMs = 60_000

/** Number of tokens to remember. Only valid ones are remembered. */
const maxRemembered = 10_000

const invalid = (reason: string) =>
  new ProblemError('unauthenticated', `The token is not valid: ${reason}`, {
    hint: 'Sign in again at your OpenID Connect provider, and send its new token.'
  })

function toProblemError (error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof errors.JWTExpired) return invalid('it has expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`its claim ${error.claim} is missing or wrong`)
  }
  if (error instanceof errors.JWKSNoMatchingKey) return invalid('its issuer has no such key')
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid('its algorithm is not allowed')
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return invalid('its signature is wrong')
  }
  return invalid('it cannot be read')
}

function issuerOf (token: string): unknown {
  try {
    return decodeJwt(token).iss
  } catch {
    throw invalid('it cannot be read')
  }
}

/**
 * Verifies tokens of the issuers. A token is verified once, and then known for a minute or until it expires.
 * `onAccepted` gets the caller after each verification.
 */
export function createTokenCheck (
  issuers: readonly IssuerSettings[],
  log: FastifyBaseLogger,
  onAccepted: (caller: Caller) => void
) {
  const known = new Map<string, { caller: Caller, until: number }>()
  const checks = new Map(
    issuers.map((settings) =>
      [settings.issuer, { settings, keys: createKeySet(settings.issuer, log) }] as const
    )
  )

  const verify = async (token: string): Promise<Caller> => {
    const check = checks.get(String(issuerOf(token)))
    if (check === undefined) throw invalid('its issuer is not one of this server')
    const { settings, keys } = check
    const { issuer, audience } = settings
    const options = { issuer, audience, algorithms, clockTolerance, requiredClaims: ['sub', 'exp'] }
    const { payload } = await jwtVerify(token, keys, options)
    return createCaller({
      kind: 'oidc',
      issuer,
      id: String(payload.sub),
      name: nameFor(payload, settings),
      credential: payload.jti ?? null,
      expiresAt: payload.exp! * 1000,
      grants: grantsFor(payload, settings),
      claims: { values: payload, acceptedAt: Date.now() }
    })
  }

  const remember = (hash: string, caller: Caller) => {
    known.delete(hash)
    known.set(hash, { caller, until: Math.min(Date.now() + knownMs, caller.expiresAt!) })
    if (known.size <= maxRemembered) return
    const [oldest] = known.keys()
    known.delete(oldest!)
  }

  /** Returns the caller of a token, at once if the token is known. Throws unauthenticated or issuer_unavailable. */
  return (token: string): Caller | Promise<Caller> => {
    const hash = hashText(token)
    const entry = known.get(hash)
    if (entry !== undefined && entry.until > Date.now()) return entry.caller
    return verify(token).then((caller) => {
      remember(hash, caller)
      onAccepted(caller)
      return caller
    }, (error: unknown) => {
      throw toProblemError(error)
    })
  }
}
