import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Context } from '../../driver.ts'
import type { HttpClient } from '../../common/http.ts'
import { computeRoot, findEndpoint, hasService, type Place, type Service } from './catalog.ts'
import { problemOf } from './errors.ts'
import { authRequest, tokensUrl, type Catalog, type KeystoneToken } from './keystone.ts'
import type { AuthSettings, Settings } from './settings.ts'
import { createAccess, createTokenCache, type Grant, type Session } from './token-cache.ts'

export interface SessionOptions extends Pick<Context, 'timeout' | 'secrets'> {
  settings: Settings & { auth: AuthSettings }
  http: HttpClient
}

/** Makes the session of one cloud, which holds one token of Keystone v3. */
export function createSession ({ settings, http, timeout, secrets }: SessionOptions): Session {
  const url = tokensUrl(settings.auth.auth_url)
  const body = authRequest(settings.auth, settings.auth_type)
  const place: Place = {
    region: settings.region_name,
    interface: (settings.interface ?? 'public').replace('URL', ''),
    overrides: {
      // The catalog may have another version, or an address for the inside of the cloud.
      identity: url.slice(0, -'/auth/tokens'.length),
      compute: settings.compute_endpoint_override,
      image: settings.image_endpoint_override,
      network: settings.network_endpoint_override,
      volume: settings.block_storage_endpoint_override
    },
    volumeVersion: settings.block_storage_api_version
  }
  return createTokenCache({
    timeout,
    secrets,
    issuer: 'Keystone',
    authenticate: async (call) => toGrant(await requestToken(http, url, body, call), place)
  })
}

const context = { service: 'identity', read: true }

/** Requests a token of Keystone. Repeating that changes nothing, so it counts as a read. */
async function requestToken (
  http: HttpClient,
  url: string,
  body: unknown,
  call: Call
): Promise<ScopedToken> {
  const response = await http.request({ method: 'POST', url, body, read: true }, call)
  const { status, headers } = response
  if (status === 401) {
    throw new ProblemError('provider_auth_failed', 'Keystone does not accept the credentials', {
      provider_error: problemOf(response, context).details.provider_error
    })
  }
  if (status === 404 || (status >= 300 && status < 400)) {
    throw new ProblemError('provider_unavailable', `There is no Keystone v3 at ${url}`, {
      hint: 'Set `auth.auth_url` to the address of Keystone v3.',
      retryable: false
    })
  }
  if (status >= 300) throw problemOf(response, context)
  const token = (response.body as { token?: KeystoneToken } | undefined)?.token
  const text = headers['x-subject-token']
  if (token === undefined || text === undefined) {
    throw new ProblemError('provider_error', 'Keystone answered without a token')
  }
  if (token.catalog === undefined || token.catalog.length === 0) {
    throw new ProblemError('provider_auth_failed', 'The token has no project and so no catalog', {
      hint: 'Set `auth.project_name` or `auth.project_id`.'
    })
  }
  return {
    text,
    catalog: token.catalog,
    project: token.project?.id,
    isAdmin: isAdmin(token),
    lifetime: lifetimeOf(token)
  }
}

/** Nova's default policy `context_is_admin` is `role:admin` (`nova/policies/base.py`); the case of a role is free. */
const isAdmin = ({ roles = [] }: KeystoneToken) =>
  roles.some(({ name }) => name.toLowerCase() === 'admin')

/** Returns the lifetime in milliseconds, by the clock of Keystone, which may differ from ours. */
function lifetimeOf ({ issued_at: issued, expires_at: expires }: KeystoneToken) {
  if (typeof expires !== 'string') return Infinity
  const lifetime = Date.parse(expires) - (issued === undefined ? Date.now() : Date.parse(issued))
  return Number.isNaN(lifetime) ? 60_000 : lifetime
}

interface ScopedToken {
  text: string
  catalog: Catalog
  project: string | undefined
  isAdmin: boolean
  /** Milliseconds. */
  lifetime: number
}

function toGrant ({ text, catalog, project, isAdmin, lifetime }: ScopedToken, given: Place): Grant {
  const place = { ...given, overrides: fillProject(given.overrides, project) }
  const findUrls = (service: Service) => {
    const { url } = findEndpoint(catalog, service, place)
    return { [service]: url, 'compute-root': computeRoot(url) }
  }
  const access = createAccess({ token: text, region: regionOf(catalog, place), project, findUrls })
  return { access, lifetime, isAdmin, hasService: (service) => hasService(catalog, service, place) }
}

/** Replaces the placeholders of the project as openstacksdk does (`openstack/config/cloud_region.py`). */
const fillProject = (overrides: Place['overrides'] = {}, project = '') =>
  Object.fromEntries(
    Object.entries(overrides).map((
      [service, url]
    ) => [service, url?.replace(/[%$]\((?:project|tenant)_id\)s/g, project)])
  ) as Place['overrides']

/** Returns the region of the calls. If the catalog has no endpoint in it, each call throws the reason. */
function regionOf (catalog: Catalog, place: Place) {
  try {
    return findEndpoint(catalog, 'compute', place).region
  } catch {
    return place.region ?? null
  }
}
