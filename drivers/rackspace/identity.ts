import { ProblemError } from '../../openapi/model/index.ts'
import type { Call } from '../call.ts'
import type { HttpClient, HttpResponse } from '../http.ts'
import { problemOf } from '../openstack/public.ts'
import type { Catalog } from './catalog.ts'
import type { Settings } from './settings.ts'

/** What Identity answers to who may enter. */
export interface Entry {
  token: string
  catalog: Catalog
  /** Where the account is at home. */
  defaultRegion: string | undefined
  /** Milliseconds that the token lives. */
  lifetime: number
}

interface Answer {
  access?: {
    token?: { id?: unknown, expires?: unknown }
    serviceCatalog?: Catalog
    user?: { 'RAX-AUTH:defaultRegion'?: string }
  }
}

/** Where tokens are made: the URL as given, whose version is added only where it has none. */
export function tokensUrl (authUrl: string) {
  const base = authUrl.replace(/[?#].*$/, '').replace(/\/+$/, '')
  return `${base}${/\/v\d+(\.\d+)?$/.test(base) ? '' : '/v2.0'}/tokens`
}

/** The body of `POST /v2.0/tokens`: by API key (Rackspace's own extension), password or a token, in this order. */
export function authRequest ({ username, api_key: apiKey, password, token, tenant_id: tenantId }: Settings) {
  const tenant = tenantId === undefined ? {} : { tenantId }
  if (apiKey !== undefined) return { auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey }, ...tenant } }
  if (password !== undefined) return { auth: { passwordCredentials: { username, password }, ...tenant } }
  return { auth: { token: { id: token }, ...tenant } }
}

/**
 * Signs in at Identity v2.0, which answers 200, or 203 from a copy. Repeating that changes nothing, so it counts as a
 * read. Throws provider_auth_failed where the credentials are refused, provider_unavailable where nobody answers so.
 */
export async function enter (http: HttpClient, url: string, body: object, call: Call): Promise<Entry> {
  const response = await http.request({ method: 'POST', url, body, read: true }, call)
  const { status } = response
  if (status === 401) {
    const { details } = problemOf(response, { service: 'identity', read: true })
    throw new ProblemError('provider_auth_failed', 'Rackspace does not accept the credentials', {
      provider_error: details.provider_error!, hint: 'Check `username` and `api_key`; the key is on the profile page of the account.'
    })
  }
  if (status === 404 || (status >= 300 && status < 400)) {
    throw new ProblemError('provider_unavailable', `There is no Identity v2.0 at ${url}`, {
      hint: 'Set `auth_url` to the address of Identity v2.0.', retryable: false
    })
  }
  if (status >= 300) throw problemOf(response, { service: 'identity', read: true })
  return read(response)
}

function read ({ body, headers }: HttpResponse): Entry {
  const { token, serviceCatalog: catalog, user } = (body as Answer | undefined)?.access ?? {}
  if (typeof token?.id !== 'string' || !Array.isArray(catalog)) throw new ProblemError('provider_error', 'Identity answered without a token')
  return { token: token.id, catalog, defaultRegion: user?.['RAX-AUTH:defaultRegion'], lifetime: lifetimeOf(token.expires, headers['date']) }
}

/** From Identity's own clock, which the header tells, since its clock and ours may differ. */
function lifetimeOf (expires: unknown, date = '') {
  if (typeof expires !== 'string') return Infinity
  const now = Date.parse(date)
  const lifetime = Date.parse(expires) - (Number.isNaN(now) ? Date.now() : now)
  return Number.isNaN(lifetime) ? 60_000 : Math.max(0, lifetime)
}
