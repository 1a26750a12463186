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
  password: secret('Password of the user, instead of the API key.'),
  token: secret('An existing token, instead of user and key; with `tenant_id`.'),
  tenant_id: text('Number of the account.', { examples: ['123456'] }),
  region: text('Region; by default that of the account.', {
    pattern: '^[A-Za-z0-9-]+$', examples: ['DFW', 'LON']
  }),
  auth_url: Type.String({
    pattern: '^https?://[^/]',
    default: 'https://identity.api.rackspacecloud.com/v2.0',
    description: 'Address of the Identity service, version 2.0.'
  }),
  cacert: text('Path of a file with the certificate authority of the cloud.'),
  verify: Type.Optional(Type.Boolean({
    description: 'Whether to check the certificate of the cloud; true by default.'
  }))
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

type Fields = Record<string, unknown>

/**
 * Names in the EXTRA_PARAMS of the first version of the Orchestrator, which are Libcloud's, and the
 * setting of each.
 */
const params: Readonly<Record<string, string>> = {
  region: 'region',
  ex_force_service_region: 'region',
  ex_force_auth_region: 'region',
  ex_force_auth_url: 'auth_url',
  ex_tenant_name: 'tenant_id'
}

/**
 * Converts the settings of the first version of the Orchestrator (`USER`, `PASSWORD`,
 * `EXTRA_PARAMS`), and the region to capitals. Throws an Error that names a missing or unknown
 * setting.
 */
export function resolve (given: Fields, source: SettingsSource): Fields {
  const settings = convertOldSettings(given)
  const { region, cacert } = settings
  if (typeof region === 'string') settings.region = region.toUpperCase()
  if (typeof cacert === 'string') settings.cacert = toAbsolute(cacert, source)
  const missing = findMissing(settings)
  if (missing !== undefined) throw new Error(missing)
  return settings
}

/**
 * `PASSWORD` is the API key unless EXTRA_PARAMS selects the password. The default region is
 * Libcloud's.
 */
function convertOldSettings (given: Fields): Fields {
  const { USER: user, PASSWORD: password, EXTRA_PARAMS: extra = {}, ...settings } = given
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) throw new Error('EXTRA_PARAMS must be a map')
  if (user === undefined && password === undefined && Object.keys(extra).length === 0) return settings
  const { ex_force_auth_version: version, ...others } = extra as Fields
  const converted: Fields = {}
  if (user !== undefined) Object.assign(converted, { username: user, region: 'DFW' })
  if (password !== undefined) converted[version === '2.0_password' ? 'password' : 'api_key'] = password
  for (const [name, value] of Object.entries(others)) {
    const setting = params[name]
    if (setting === undefined) {
      const known = [...Object.keys(params), 'ex_force_auth_version'].join(', ')
      throw new Error(`EXTRA_PARAMS.${name} is not known; there are: ${known}`)
    }
    converted[setting] = value
  }
  return { ...converted, ...settings }
}

/** Names the missing credential; undefined if none is missing. */
function findMissing (settings: Fields): string | undefined {
  const { username, api_key: key, password, token, tenant_id: tenant } = settings
  if (token !== undefined) return tenant === undefined ? 'tenant_id is required with token' : undefined
  if (username === undefined) return 'username is required, or token with tenant_id'
  return key === undefined && password === undefined ? 'api_key is required, or password' : undefined
}

const toAbsolute = (file: string, { directory, env }: SettingsSource) =>
  path.resolve(directory, file.replace(/^~(?=\/)/, env.HOME ?? homedir()))
