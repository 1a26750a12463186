import type { Token } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { HttpClient } from '../../http.ts'
import { computeRoot, findEndpoint, hasService, type Place, type Service } from './catalog.ts'
import { problemOf } from './errors.ts'
import { authRequest, tokensUrl, type Catalog, type KeystoneToken } from './keystone.ts'
import type { Settings } from './settings.ts'
import { createTokenCache, type Access, type Grant } from './token-cache.ts'

/** Signs in at an identity service and holds the token of one cloud. */
export interface Session {
  /** Returns the current access. Authenticates if there is none or if it ends soon. Throws provider_auth_failed. */
  access (call: Call): Promise<Access>
  /** Replaces a token that a service has refused: one authentication for all calls that were refused. */
  renew (refused: string, call: Call): Promise<Access>
  /** Returns the region of the last access; null before the first. */
  region (): string | null
  /** Returns whether the catalog has a service; true until the catalog was read. */
  hasService (service: Service): boolean
  refresh (): void
}

/** Makes a token for openstack-client from the endpoint of each service, which is chosen before. */
export const toToken = (token: string, urls: Readonly<Record<string, string>>): Token => ({
  token, catalog: Object.entries(urls).map(([type, url]) => ({ type, endpoints: [{ interface: 'public', url }] }))
})

/** Holds one token of Keystone v3 for a cloud. */
export function createSession (
  settings: Settings & { auth: NonNullable<Settings['auth']> }, http: HttpClient, timeout: number
): Session {
  const url = tokensUrl(settings.auth.auth_url)
  const body = authRequest(settings.auth, settings.auth_type)
  const place: Place = { region: settings.region_name, interface: (settings.interface ?? 'public').replace('URL', '') }
  const tokens = createTokenCache<ScopedGrant>({
    timeout,
    issuer: 'Keystone',
    authenticate: async (call) => toGrant(await requestToken(http, url, body, call), place)
  })

  return {
    access: tokens.access,
    renew: tokens.renew,
    refresh: tokens.refresh,
    region: () => tokens.last()?.access.region ?? null,
    hasService (service) {
      const last = tokens.last()
      return last === undefined || hasService(last.catalog, service)
    }
  }
}

/** Requests a token of Keystone. Repeating that changes nothing, so it counts as a read. */
async function requestToken (http: HttpClient, url: string, body: unknown, call: Call): Promise<ScopedToken> {
  const response = await http.request({ method: 'POST', url, body, read: true }, call)
  const { status, headers } = response
  if (status === 401) {
    throw new ProblemError('provider_auth_failed', 'Keystone does not accept the credentials', {
      provider_error: problemOf(response, { service: 'identity', read: true }).details.provider_error!
    })
  }
  if (status === 404 || (status >= 300 && status < 400)) {
    throw new ProblemError('provider_unavailable', `There is no Keystone v3 at ${url}`, {
      hint: 'Set `auth.auth_url` to the address of Keystone v3.', retryable: false
    })
  }
  if (status >= 300) throw problemOf(response, { service: 'identity', read: true })
  const token = (response.body as { token?: KeystoneToken } | undefined)?.token
  const text = headers['x-subject-token']
  if (token === undefined || text === undefined) throw new ProblemError('provider_error', 'Keystone answered without a token')
  if (token.catalog === undefined || token.catalog.length === 0) {
    throw new ProblemError('provider_auth_failed', 'The token is for no project: it has no catalog', {
      hint: 'Set `auth.project_name` or `auth.project_id`.'
    })
  }
  return { text, catalog: token.catalog, project: token.project?.id, lifetime: lifetimeOf(token) }
}

/** Milliseconds; from Keystone's own two clock readings, since its clock and ours may differ. */
function lifetimeOf ({ issued_at: issued, expires_at: expires }: KeystoneToken) {
  if (typeof expires !== 'string') return Infinity
  const lifetime = Date.parse(expires) - (issued === undefined ? Date.now() : Date.parse(issued))
  return Number.isNaN(lifetime) ? 60_000 : lifetime
}

interface ScopedToken {
  text: string
  catalog: Catalog
  project: string | undefined
  /** Milliseconds. */
  lifetime: number
}

interface ScopedGrant extends Grant {
  catalog: Catalog
}

function toGrant ({ text, catalog, project, lifetime }: ScopedToken, place: Place): ScopedGrant {
  const tokens = new Map<Service, Token>()
  const makeToken = (service: Service) => {
    const { url } = findEndpoint(catalog, service, place)
    const made = toToken(text, { [service]: url, 'compute-root': computeRoot(url) })
    tokens.set(service, made)
    return made
  }
  const access: Access = {
    token: text,
    of: (service) => tokens.get(service) ?? makeToken(service),
    region: regionOf(catalog, place),
    project,
    accepted: false
  }
  return { access, catalog, lifetime }
}

/** Returns the region of the calls. If the catalog has no endpoint in it, each call throws the reason. */
function regionOf (catalog: Catalog, place: Place) {
  try {
    return findEndpoint(catalog, 'compute', place).region
  } catch {
    return place.region ?? null
  }
}
