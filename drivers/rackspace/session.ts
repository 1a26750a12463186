import type { HttpClient } from '../http.ts'
import {
  createTokenCache,
  toToken,
  type Access,
  type Grant,
  type Service,
  type Session
} from '../openstack/public.ts'
import { findEndpoint, hasService, type Catalog } from './catalog.ts'
import { authenticate, authRequest, tokensUrl, type IdentityGrant } from './identity.ts'
import type { Settings } from './settings.ts'

interface Account extends Grant {
  catalog: Catalog
  region: string | undefined
}

/**
 * Holds one token of Identity v2.0 for an account in one region: that of the settings, or the
 * account's default region.
 */
export function createSession (settings: Settings, http: HttpClient, timeout: number): Session {
  const url = tokensUrl(settings.auth_url)
  const body = authRequest(settings)
  const { last, ...cache } = createTokenCache<Account>({
    timeout,
    issuer: 'Identity',
    authenticate: async (call) => toAccount(await authenticate(http, url, body, call), settings.region)
  })

  return {
    ...cache,
    region: () => last()?.access.region ?? null,
    hasService (service) {
      const account = last()
      return account === undefined || hasService(account.catalog, service, account.region)
    }
  }
}

type Token = ReturnType<Access['of']>

function toAccount (grant: IdentityGrant, wantedRegion: string | undefined): Account {
  const { token, catalog, lifetime } = grant
  const region = wantedRegion ?? grant.defaultRegion
  const tokens = new Map<Service, Token>()
  const makeToken = (service: Service) => {
    const made = toToken(token, { [service]: findEndpoint(catalog, service, region).url })
    tokens.set(service, made)
    return made
  }
  const access: Access = {
    token,
    of: (service) => tokens.get(service) ?? makeToken(service),
    ...findHome(catalog, region),
    accepted: false
  }
  return { access, catalog, region, lifetime }
}

/**
 * Finds region and account number of the compute endpoint. If there is no endpoint, each call
 * throws the reason.
 */
function findHome (catalog: Catalog, region: string | undefined) {
  try {
    const { tenant, region: place } = findEndpoint(catalog, 'compute', region)
    return { region: place, project: tenant }
  } catch {
    return { region: region ?? null }
  }
}
