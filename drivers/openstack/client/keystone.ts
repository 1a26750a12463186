import type { AuthSettings } from './settings.ts'

/** An endpoint of Keystone's catalog. */
export interface CatalogEndpoint {
  interface: string
  region?: string | null
  region_id?: string | null
  url: string
}

export type Catalog = Array<{ type: string, endpoints: CatalogEndpoint[] }>

/** The `token` of Keystone's answer, in the fields that are used. */
export interface KeystoneToken {
  expires_at?: string | null
  issued_at?: string
  project?: { id: string }
  roles?: Array<{ name: string }>
  catalog?: Catalog
}

const version = /\/v\d+(\.\d+)?$/

/** Returns the URL of tokens: the address from the settings. The version is added if it has none. */
export function tokensUrl (authUrl: string) {
  const base = authUrl.replace(/[?#].*$/, '').replace(/\/+$/, '')
  return `${base}${version.test(base) ? '' : '/v3'}/auth/tokens`
}

/** Keystone's installation creates a domain with the name `Default`. */
const domainOf = (name = 'Default', id?: string) => id === undefined ? { name } : { id }

const userOf = (auth: AuthSettings) =>
  auth.user_id !== undefined
    ? { id: auth.user_id }
    : { name: auth.username, domain: domainOf(auth.user_domain_name, auth.user_domain_id) }

function scopeOf (auth: AuthSettings) {
  if (auth.trust_id !== undefined) return { 'OS-TRUST:trust': { id: auth.trust_id } }
  if (auth.project_id !== undefined) return { project: { id: auth.project_id } }
  if (auth.project_name === undefined) return undefined
  return {
    project: {
      name: auth.project_name,
      domain: domainOf(auth.project_domain_name, auth.project_domain_id)
    }
  }
}

const methods: Record<string, string> = {
  password: 'password',
  v3password: 'password',
  token: 'token',
  v3token: 'token',
  v3applicationcredential: 'application_credential'
}

function methodOf (auth: AuthSettings, type: string | undefined) {
  if (type !== undefined) return methods[type]
  if (auth.application_credential_secret !== undefined) return 'application_credential'
  return auth.token !== undefined && auth.password === undefined ? 'token' : 'password'
}

/** Describes what is wrong with the credentials of the settings; returns undefined if they are complete. */
export function missingCredentials (
  auth: AuthSettings,
  type: string | undefined
): string | undefined {
  const hasUser = auth.username !== undefined || auth.user_id !== undefined
  const hasProject = auth.project_id !== undefined || auth.project_name !== undefined
  if (auth.trust_id !== undefined) {
    if (hasProject) {
      return 'auth.trust_id has a project of its own: remove auth.project_name and auth.project_id'
    }
    if (methodOf(auth, type) === 'application_credential') {
      return 'auth.trust_id needs a user: an application credential has a project of its own'
    }
  }
  switch (methodOf(auth, type)) {
    case 'token':
      return auth.token === undefined ? 'auth.token is required' : undefined
    case 'application_credential':
      if (auth.application_credential_secret === undefined) {
        return 'auth.application_credential_secret is required'
      }
      if (auth.application_credential_id !== undefined) return undefined
      if (auth.application_credential_name !== undefined && hasUser) return undefined
      return 'auth.application_credential_id is required, or application_credential_name with username or user_id'
    default:
      if (!hasUser) return 'auth.username or auth.user_id is required'
      return auth.password === undefined ? 'auth.password is required' : undefined
  }
}

/**
 * Makes the body of `POST /v3/auth/tokens`. An application credential contains its project, so it
 * has no scope.
 */
export function authRequest (auth: AuthSettings, type: string | undefined) {
  const method = methodOf(auth, type)
  if (method === 'application_credential') {
    const { application_credential_id: id, application_credential_name: name } = auth
    const credential = id === undefined ? { name, user: userOf(auth) } : { id }
    const secret = auth.application_credential_secret
    return { auth: { identity: { methods: [method], [method]: { ...credential, secret } } } }
  }
  const identity = method === 'token'
    ? { methods: ['token'], token: { id: auth.token } }
    : { methods: ['password'], password: { user: { ...userOf(auth), password: auth.password } } }
  return { auth: { identity, scope: scopeOf(auth) } }
}
