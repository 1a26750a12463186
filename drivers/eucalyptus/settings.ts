import { Type, type Static } from '#typebox'
import type { SettingsSource } from '../driver.ts'
import { commonSettings, keyFromOriginal, resolvePrices, secret } from '../ec2/public-settings.ts'
import { renameParameters, type ConvertedEntry, type OriginalEntry } from '../original.ts'

/** The settings of a Eucalyptus cloud: an account, and the address of the compute service. */
export const Settings = Type.Object({
  access_key_id: Type.String({ minLength: 1, description: 'Access key of the account.' }),
  secret_access_key: Type.String({
    minLength: 1,
    format: 'password',
    description: 'Secret of the access key.'
  }),
  session_token: secret('Session token of a temporary access key.'),
  host: Type.String({
    pattern: '^[^/\\s:]+$',
    description: 'Host of the compute service.',
    examples: ['cloud.example']
  }),
  port: Type.Integer({
    minimum: 1,
    maximum: 65535,
    default: 8773,
    description: 'Port of the compute service.'
  }),
  path: Type.String({
    pattern: '^/',
    default: '/services/compute',
    description: 'Path of the compute service; `/services/Eucalyptus` before version 4.'
  }),
  secure: Type.Boolean({ default: true, description: 'Whether to use TLS.' }),
  location: Type.String({
    pattern: '^[A-Za-z0-9][\\w.-]*$',
    default: 'eucalyptus',
    description: 'Name of the region.'
  }),
  ...commonSettings
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

const digits = /^[0-9]+$/

/** Translates `endpoint`, the whole address. Throws an Error that names a wrong setting. */
export function resolve (
  given: Record<string, unknown>,
  { directory }: Pick<SettingsSource, 'directory'>
): Record<string, unknown> {
  const { endpoint, ...settings } = resolvePrices(given, directory)
  return { ...endpoint === undefined ? {} : parseEndpoint(endpoint), ...settings }
}

const parameters = { host: 'host', port: 'port', path: 'path', secure: 'secure' }

export function fromOriginal (entry: OriginalEntry): ConvertedEntry {
  const settings = renameParameters(entry.extra, parameters)
  // The files of the original have the port as text.
  const { port } = settings
  if (typeof port === 'string' && digits.test(port)) settings['port'] = Number(port)
  return { settings: { ...keyFromOriginal(entry), ...settings } }
}

function parseEndpoint (endpoint: unknown) {
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    throw new Error('endpoint must be an address as https://cloud.example:8773/services/compute')
  }
  const { hostname: host, port, pathname, protocol } = new URL(endpoint)
  const settings: Record<string, unknown> = { host, secure: protocol === 'https:' }
  if (port !== '') settings['port'] = Number(port)
  if (pathname !== '/') settings['path'] = pathname
  return settings
}
