import { homedir } from 'node:os'
import path from 'node:path'
import { Type, type Static } from '#typebox'
import type { SettingsSource } from '../driver.ts'
import { defined, renameParameters, type ConvertedEntry, type OriginalEntry } from '../original.ts'

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
    pattern: '^[A-Za-z0-9-]+$',
    examples: ['DFW', 'LON']
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

/** Names in the EXTRA_PARAMS of the original Orchestrator, which are Libcloud's, and the setting of each. */
const params: Readonly<Record<string, string>> = {
  region: 'region',
  ex_force_service_region: 'region',
  ex_force_auth_region: 'region',
  ex_force_auth_url: 'auth_url',
  ex_tenant_name: 'tenant_id'
}

/** Converts the region to capitals. Throws an Error that names a missing setting. */
export function resolve (given: Fields, source: SettingsSource): Fields {
  const settings = { ...given }
  const { region, cacert } = settings
  if (typeof region === 'string') settings.region = region.toUpperCase()
  if (typeof cacert === 'string') settings.cacert = toAbsolute(cacert, source)
  const missing = findMissing(settings)
  if (missing !== undefined) throw new Error(missing)
  return settings
}

/**
 * `PASSWORD` is the API key unless EXTRA_PARAMS selects the password. The default region is Libcloud's.
 */
export function fromOriginal ({ user, password, extra }: OriginalEntry): ConvertedEntry {
  const { ex_force_auth_version: version, ...others } = extra
  renameParameters(extra, { ...params, ex_force_auth_version: '' })
  const credential = {
    username: user,
    [version === '2.0_password' ? 'password' : 'api_key']: password
  }
  const { region = 'DFW', ...settings } = renameParameters(others, params)
  return { settings: { ...defined(credential), ...settings, region } }
}

/** Names of the original Orchestrator that imply a region. */
export const aliases = {
  rackspace_nova_dfw: { region: 'DFW' },
  rackspace_nova_lon: { region: 'LON' },
  rackspace_nova_ord: { region: 'ORD' }
}

/** Names the missing credential; undefined if none is missing. */
function findMissing (settings: Fields): string | undefined {
  const { username, api_key: key, password, token, tenant_id: tenant } = settings
  if (token !== undefined) {
    return tenant === undefined
      ? 'tenant_id is required with token'
      : undefined
  }
  if (username === undefined) return 'username is required, or token with tenant_id'
  return key === undefined && password === undefined
    ? 'api_key is required, or password'
    : undefined
}

const toAbsolute = (file: string, { directory, env }: SettingsSource) =>
  path.resolve(directory, file.replace(/^~(?=\/)/, env.HOME ?? homedir()))
