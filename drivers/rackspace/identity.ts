import { ProblemError } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { HttpClient, HttpResponse } from '../common/http.ts'
import { problemOf } from '../openstack/public.ts'
import type { Catalog } from './catalog.ts'
import type { Settings } from './settings.ts'

/** The answer of Identity to an authentication. */
export interface IdentityGrant {
  token: string
  catalog: Catalog
  /** The default region of the account. */
  defaultRegion: string | undefined
  /** Lifetime of the token in milliseconds. */
  lifetime: number
}

interface Answer {
  access?: {
    token?: { id?: unknown, expires?: unknown }
    serviceCatalog?: Catalog
    user?: { 'RAX-AUTH:defaultRegion'?: string }
  }
}

/** Makes the URL for tokens. The version is added only to a URL that has none. */
export function tokensUrl (authUrl: string) {
  const base = authUrl.replace(/[?#].*$/, '').replace(/\/+$/, '')
  return `${base}${/\/v\d+(\.\d+)?$/.test(base) ? '' : '/v2.0'}/tokens`
}

/**
 * Makes the body of `POST /v2.0/tokens`: with the API key (Rackspace's extension), the password or
 * a token, in this order.
 */
export function authRequest (
  { username, api_key: apiKey, password, token, tenant_id: tenantId }: Settings
) {
  if (apiKey !== undefined) {
    return { auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey }, tenantId } }
  }
  if (password !== undefined) {
    return { auth: { passwordCredentials: { username, password }, tenantId } }
  }
  return { auth: { token: { id: token }, tenantId } }
}

/**
 * Authenticates at Identity v2.0, which answers 200, or 203 from a cache. Repeating that changes
 * nothing, so it counts as a read. Throws provider_auth_failed if the credentials are refused, and
 * provider_unavailable if there is no Identity.
 */
export async function authenticate (
  http: HttpClient,
  url: string,
  body: object,
  call: Call
): Promise<IdentityGrant> {
  const response = await http.request({ method: 'POST', url, body, read: true }, call)
  const { status } = response
  if (status === 404 || (status >= 300 && status < 400)) {
    throw new ProblemError('provider_unavailable', `There is no Identity v2.0 at ${url}`, {
      hint: 'Set `auth_url` to the address of Identity v2.0.',
      retryable: false
    })
  }
  if (status < 300) return toGrant(response)
  const problem = problemOf(response, { service: 'identity', read: true })
  if (status !== 401) throw problem
  throw new ProblemError('provider_auth_failed', 'Rackspace does not accept the credentials', {
    provider_error: problem.details.provider_error,
    hint: 'Check `username` and `api_key`; the key is on the profile page of the account.'
  })
}

function toGrant ({ body, headers }: HttpResponse): IdentityGrant {
  const { token, serviceCatalog: catalog, user } = (body as Answer | undefined)?.access ?? {}
  if (typeof token?.id !== 'string' || !Array.isArray(catalog)) {
    throw new ProblemError('provider_error', 'Identity answered without a token')
  }
  const defaultRegion = user?.['RAX-AUTH:defaultRegion']
  return {
    token: token.id,
    catalog,
    defaultRegion,
    lifetime: lifetimeOf(token.expires, headers['date'])
  }
}

/**
 * Milliseconds; by Identity's own clock, which its `Date` header shows, because its clock and ours
 * may differ.
 */
function lifetimeOf (expires: unknown, date = '') {
  if (typeof expires !== 'string') return Infinity
  const now = Date.parse(date)
  const lifetime = Date.parse(expires) - (Number.isNaN(now) ? Date.now() : now)
  return Number.isNaN(lifetime) ? 60_000 : Math.max(0, lifetime)
}
