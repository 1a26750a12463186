import type { FastifySchema, RouteOptions } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { lowestLevel } from '../auth/levels.ts'

type Auth = Settings['auth']

const bearer = {
  type: 'http' as const,
  scheme: 'bearer',
  description:
    'A key of this server (`orchestrator keys create`), or a token of one of its OpenID Connect issuers. ' +
    'A server without `auth` in its settings checks no credential.'
}

/** The issuers at which people can sign in on the page of the documentation, by the names of their schemes. */
const signIns = (auth: Auth) =>
  (auth?.issuers ?? []).filter(({ client_id: id }) => id !== undefined)
    .map((issuer, i) => ({ ...issuer, scheme: i === 0 ? 'oidc' : `oidc_${i + 1}` }))

/** The schemes for `components`. Swagger UI reads the addresses of an issuer from its discovery document. */
export function securitySchemes (auth: Auth) {
  const schemes = signIns(auth).map(({ scheme, issuer }) =>
    [scheme, {
      type: 'openIdConnect' as const,
      openIdConnectUrl: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      description: `Sign in at ${issuer}.`
    }] as const
  )
  return { bearer, ...Object.fromEntries(schemes) }
}

/** Adds the credential and the level of permission that a route needs. */
export function withPermission (
  schema: FastifySchema,
  { config }: RouteOptions,
  auth: Auth
): FastifySchema {
  const level = config?.level ?? 'open'
  if (level === 'open') return { ...schema, security: [] }
  const schemes = signIns(auth).map(({ scheme, scopes }) => ({ [scheme]: scopes }))
  // The empty requirement: some requests are accepted without a credential.
  const optional = auth === undefined || auth.anonymous.length > 0 ? [{}] : []
  const permission = { 'x-required-level': typeof level === 'string' ? level : lowestLevel(level) }
  return { ...schema, security: [{ bearer: [] }, ...schemes, ...optional], ...permission }
}

/** The options with which Swagger UI signs in at the first issuer: authorization code with PKCE (RFC 7636). */
export function signInOptions (auth: Auth) {
  const [first] = signIns(auth)
  if (first === undefined) return {}
  return {
    clientId: first.client_id,
    scopes: first.scopes.join(' '),
    usePkceWithAuthorizationCodeGrant: true
  }
}
