import type { Token } from 'openstack-client'
import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { HttpClient } from '../../http.ts'
import { toToken, type Access, type Session } from './access.ts'
import { computeRoot, findEndpoint, hasService, type Place, type Service } from './catalog.ts'
import { problemOf } from './errors.ts'
import { createKeeper, type Granted } from './token-cache.ts'
import { authRequest, tokensUrl, type Catalog, type KeystoneToken } from './keystone.ts'
import type { Settings } from './settings.ts'

export interface KeystoneSession extends Session {
  /** Whether the cloud has a service; true as long as its catalog was not seen. */
  offers (service: Service): boolean
}

/** Keeps one token of Keystone v3 for a cloud. */
export function createSession (
  settings: Settings & { auth: NonNullable<Settings['auth']> }, http: HttpClient, timeout: number
): KeystoneSession {
  const url = tokensUrl(settings.auth.auth_url)
  const body = authRequest(settings.auth, settings.auth_type)
  const place: Place = { region: settings.region_name, interface: (settings.interface ?? 'public').replace('URL', '') }
  const keeper = createKeeper<Scoped>({
    timeout,
    issuer: 'Keystone',
    ask: async (call) => scoped(await askKeystone(http, url, body, call), place)
  })

  return {
    access: keeper.access,
    renew: keeper.renew,
    refresh: keeper.refresh,
    region: () => keeper.last()?.access.region ?? null,
    offers (service) {
      const last = keeper.last()
      return last === undefined || hasService(last.catalog, service)
    }
  }
}

/** Asks Keystone for a token. Repeating that changes nothing, so it counts as a read. */
async function askKeystone (http: HttpClient, url: string, body: unknown, call: Call): Promise<Authenticated> {
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

interface Authenticated {
  text: string
  catalog: Catalog
  project: string | undefined
  /** Milliseconds. */
  lifetime: number
}

interface Scoped extends Granted {
  catalog: Catalog
}

function scoped ({ text, catalog, project, lifetime }: Authenticated, place: Place): Scoped {
  return { access: { ...accessOf(text, catalog, place), ...(project === undefined ? {} : { project }) }, catalog, lifetime }
}

function accessOf (token: string, catalog: Catalog, place: Place): Access {
  const tokens = new Map<Service, Token>()
  const make = (service: Service) => {
    const { url } = findEndpoint(catalog, service, place)
    const made = toToken(token, { [service]: url, 'compute-root': computeRoot(url) })
    tokens.set(service, made)
    return made
  }
  return { token, of: (service) => tokens.get(service) ?? make(service), region: regionOf(catalog, place), accepted: false }
}

/** The region that the calls go to; where there is none to call, each call tells why. */
function regionOf (catalog: Catalog, place: Place) {
  try {
    return findEndpoint(catalog, 'compute', place).region
  } catch {
    return place.region ?? null
  }
}
