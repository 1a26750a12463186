import type { Context } from '../driver.ts'
import type { HttpClient } from '../common/http.ts'
import {
  createAccess,
  createTokenCache,
  type Grant,
  type Service,
  type Session
} from '../openstack/public.ts'
import { findEndpoint, hasService, type Catalog } from './catalog.ts'
import { authenticate, authRequest, tokensUrl, type IdentityGrant } from './identity.ts'
import type { Settings } from './settings.ts'

/**
 * Makes the session of an account in one region: that of the settings, or the account's default
 * region. It holds one token of Identity v2.0.
 */
export function createSession (
  settings: Settings,
  http: HttpClient,
  { timeout, secrets }: Pick<Context, 'timeout' | 'secrets'>
): Session {
  const url = tokensUrl(settings.auth_url)
  const body = authRequest(settings)
  return createTokenCache({
    timeout,
    issuer: 'Identity',
    async authenticate (call) {
      const grant = await authenticate(http, url, body, call)
      secrets.add(grant.token)
      return toGrant(grant, settings.region)
    }
  })
}

function toGrant (
  { token, catalog, defaultRegion, lifetime }: IdentityGrant,
  wanted = defaultRegion
): Grant {
  const findUrls = (service: Service) => ({ [service]: findEndpoint(catalog, service, wanted).url })
  const access = createAccess({ token, ...findHome(catalog, wanted), findUrls })
  return { access, lifetime, hasService: (service) => hasService(catalog, service, wanted) }
}

/**
 * Finds region and account number of the compute endpoint. If there is no endpoint, each call
 * throws the reason.
 */
function findHome (catalog: Catalog, wanted: string | undefined) {
  try {
    const { region, tenant } = findEndpoint(catalog, 'compute', wanted)
    return { region, project: tenant }
  } catch {
    return { region: wanted ?? null }
  }
}
