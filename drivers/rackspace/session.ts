import type { HttpClient } from '../http.ts'
import { createTokenCache, toToken, type Access, type Grant, type Service, type Session } from '../openstack/public.ts'
import { findEndpoint, hasService, type Catalog } from './catalog.ts'
import { authRequest, enter, tokensUrl, type Entry } from './identity.ts'
import type { Settings } from './settings.ts'

type Token = ReturnType<Access['of']>

interface Account extends Grant {
  catalog: Catalog
  region: string | undefined
}

/** Keeps one token of Identity v2.0 for an account in one region: the one of the settings, or where the account is at home. */
export function createSession (settings: Settings, http: HttpClient, timeout: number): Session {
  const url = tokensUrl(settings.auth_url)
  const body = authRequest(settings)
  const keeper = createTokenCache<Account>({
    timeout, issuer: 'Identity', authenticate: async (call) => accountOf(await enter(http, url, body, call), settings.region)
  })

  return {
    access: keeper.access,
    renew: keeper.renew,
    refresh: keeper.refresh,
    region: () => keeper.last()?.access.region ?? null,
    hasService (service) {
      const last = keeper.last()
      return last === undefined || hasService(last.catalog, service, last.region)
    }
  }
}

function accountOf ({ token, catalog, defaultRegion, lifetime }: Entry, wanted: string | undefined): Account {
  const region = wanted ?? defaultRegion
  const tokens = new Map<Service, Token>()
  const make = (service: Service) => {
    const made = toToken(token, { [service]: findEndpoint(catalog, service, region).url })
    tokens.set(service, made)
    return made
  }
  const { tenant, place } = homeOf(catalog, region)
  const access: Access = {
    token,
    of: (service) => tokens.get(service) ?? make(service),
    region: place,
    ...(tenant === undefined ? {} : { project: tenant }),
    accepted: false
  }
  return { access, catalog, region, lifetime }
}

/** Account number and region of the servers; where there are none to call, each call tells why. */
function homeOf (catalog: Catalog, region: string | undefined) {
  try {
    const { tenant, region: place } = findEndpoint(catalog, 'compute', region)
    return { tenant, place }
  } catch {
    return { tenant: undefined, place: region ?? null }
  }
}
