import { homedir } from 'node:os'
import path from 'node:path'
import { Type, type Static } from 'typebox'
import type { SettingsSource } from '../driver.ts'

const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))

const secret = (description: string) => text(description, { format: 'password' })

/** The settings of a cloud: one account in one region. */
export const Settings = Type.Object({
  username: text('Name of the user.'),
  api_key: secret('API key of the user.'),
  password: secret('Password of the user, in the place of the API key.'),
  token: secret('A token there is already, in the place of user and key; with `tenant_id`.'),
  tenant_id: text('Number of the account.', { examples: ['123456'] }),
  region: text("Region; the account's default one where not given.", { pattern: '^[A-Za-z0-9-]+$', examples: ['DFW', 'LON'] }),
  auth_url: Type.String({
    pattern: '^https?://[^/]', default: 'https://identity.api.rackspacecloud.com/v2.0', description: 'Address of the Identity service, version 2.0.'
  }),
  cacert: text('Path of a file with the certificate authority of the cloud.'),
  verify: Type.Optional(Type.Boolean({ description: 'Whether to check the certificate of the cloud; true where not given.' }))
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

type Fields = Record<string, unknown>

/** Names in the original's EXTRA_PARAMS, which are Libcloud's, and those of today. */
const params: Readonly<Record<string, string>> = {
  region: 'region',
  ex_force_service_region: 'region',
  ex_force_auth_region: 'region',
  ex_force_auth_url: 'auth_url',
  ex_tenant_name: 'tenant_id'
}

/**
 * Brings the form of the original Orchestrator (`USER`, `PASSWORD`, `EXTRA_PARAMS`) into that of today, and the region
 * into capitals. Throws an Error that names the setting that is missing or makes no sense.
 */
export function resolve (given: Fields, source: SettingsSource): Fields {
  const settings = fromOriginal(given)
  const { region, cacert } = settings
  const resolved = {
    ...settings,
    ...(typeof region === 'string' ? { region: region.toUpperCase() } : {}),
    ...(typeof cacert === 'string' ? { cacert: absolute(cacert, source) } : {})
  }
  const missing = missingCredentials(resolved)
  if (missing !== undefined) throw new Error(missing)
  return resolved
}

/** `PASSWORD` is the API key, unless EXTRA_PARAMS asks for the password; the region is Libcloud's where none is given. */
function fromOriginal ({ USER: user, PASSWORD: password, EXTRA_PARAMS: extra = {}, ...settings }: Fields): Fields {
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) throw new Error('EXTRA_PARAMS must be a map')
  if (user === undefined && password === undefined && Object.keys(extra).length === 0) return settings
  const { ex_force_auth_version: version, ...others } = extra as Fields
  const known = Object.entries(others).map(([name, value]) => {
    if (params[name] === undefined) throw new Error(`EXTRA_PARAMS.${name} is not known; there are: ${Object.keys(params).join(', ')}, ex_force_auth_version`)
    return [params[name], value] as const
  })
  return {
    ...(user === undefined ? {} : { username: user, region: 'DFW' }),
    ...(password === undefined ? {} : { [version === '2.0_password' ? 'password' : 'api_key']: password }),
    ...Object.fromEntries(known),
    ...settings
  }
}

/** What is missing to know who calls; undefined where nothing is. */
function missingCredentials ({ username, api_key: key, password, token, tenant_id: tenant }: Fields): string | undefined {
  if (token !== undefined) return tenant === undefined ? 'tenant_id is required with token' : undefined
  if (username === undefined) return 'username is required, or token with tenant_id'
  return key === undefined && password === undefined ? 'api_key is required, or password' : undefined
}

const absolute = (file: string, { directory, env }: SettingsSource) =>
  path.resolve(directory, file.replace(/^~(?=\/)/, env.HOME ?? homedir()))
