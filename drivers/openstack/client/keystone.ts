import type { AuthSettings } from './settings.ts'

/** An endpoint as Keystone's catalog tells it. */
export interface CatalogEndpoint {
  interface: string
  region?: string | null
  region_id?: string | null
  url: string
}

export type Catalog = Array<{ type: string, endpoints: CatalogEndpoint[] }>

/** The `token` of Keystone's answer, as far as it matters here. */
export interface KeystoneToken {
  expires_at?: string | null
  issued_at?: string
  project?: { id: string }
  catalog?: Catalog
}

const version = /\/v\d+(\.\d+)?$/

/** Where tokens are made: the URL as given, whose version is added only where it has none (`/identity/v3` stays). */
export function tokensUrl (authUrl: string) {
  const base = authUrl.replace(/[?#].*$/, '').replace(/\/+$/, '')
  return `${base}${version.test(base) ? '' : '/v3'}/auth/tokens`
}

/** `Default` is what Keystone calls the domain that is there from its installation on. */
const domainOf = (name: string | undefined, id: string | undefined) => id !== undefined ? { id } : { name: name ?? 'Default' }

const userOf = (auth: AuthSettings) => auth.user_id !== undefined
  ? { id: auth.user_id }
  : { name: auth.username, domain: domainOf(auth.user_domain_name, auth.user_domain_id) }

function scopeOf (auth: AuthSettings) {
  if (auth.project_id !== undefined) return { project: { id: auth.project_id } }
  if (auth.project_name === undefined) return undefined
  return { project: { name: auth.project_name, domain: domainOf(auth.project_domain_name, auth.project_domain_id) } }
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

/** What is missing for Keystone to know who calls, in words for the settings' author; undefined where nothing is. */
export function missingCredentials (auth: AuthSettings, type: string | undefined): string | undefined {
  const user = auth.username !== undefined || auth.user_id !== undefined
  switch (methodOf(auth, type)) {
    case 'token':
      return auth.token === undefined ? 'auth.token is required' : undefined
    case 'application_credential':
      if (auth.application_credential_secret === undefined) return 'auth.application_credential_secret is required'
      if (auth.application_credential_id !== undefined || (auth.application_credential_name !== undefined && user)) return undefined
      return 'auth.application_credential_id is required, or application_credential_name with username or user_id'
    default:
      if (!user) return 'auth.username or auth.user_id is required'
      return auth.password === undefined ? 'auth.password is required' : undefined
  }
}

/** The body of `POST /v3/auth/tokens`. An application credential has its project in itself, so it names no scope. */
export function authRequest (auth: AuthSettings, type: string | undefined) {
  const method = methodOf(auth, type)
  const scope = scopeOf(auth)
  if (method === 'application_credential') {
    const { application_credential_id: id, application_credential_name: name, application_credential_secret: secret } = auth
    const who = id !== undefined ? { id } : { name, user: userOf(auth) }
    return { auth: { identity: { methods: [method], [method]: { ...who, secret } } } }
  }
  const identity = method === 'token'
    ? { methods: ['token'], token: { id: auth.token } }
    : { methods: ['password'], password: { user: { ...userOf(auth), password: auth.password } } }
  return { auth: { identity, ...(scope === undefined ? {} : { scope }) } }
}
