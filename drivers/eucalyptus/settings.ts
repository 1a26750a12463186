import { Type, type Static } from 'typebox'
import type { SettingsSource } from '../driver.ts'
import { commonSettings, fromOriginal, resolvePrices, secret } from '../ec2/public.ts'

/** The settings of a Eucalyptus cloud: an account, and the address of the compute service. */
export const Settings = Type.Object({
  access_key_id: Type.String({ minLength: 1, description: 'Access key of the account.' }),
  secret_access_key: Type.String({ minLength: 1, format: 'password', description: 'Secret of the access key.' }),
  session_token: secret('Session token of a temporary access key.'),
  host: Type.String({
    pattern: '^[^/\\s:]+$', description: 'Host of the compute service.', examples: ['cloud.example']
  }),
  port: Type.Integer({ minimum: 1, maximum: 65535, default: 8773, description: 'Port of the compute service.' }),
  path: Type.String({
    pattern: '^/',
    default: '/services/compute',
    description: 'Path of the compute service; `/services/Eucalyptus` before version 4.'
  }),
  secure: Type.Boolean({ default: true, description: 'Whether to use TLS.' }),
  location: Type.String({
    pattern: '^[A-Za-z0-9][\\w.-]*$', default: 'eucalyptus', description: 'Name of the region.'
  }),
  ...commonSettings
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

const digits = /^[0-9]+$/

/**
 * Translates the settings of the original Orchestrator (`USER`, `PASSWORD`, and `EXTRA_PARAMS` with `host`, `secure`,
 * `port`, `path`), and `endpoint`, the whole address. Throws an Error that names a wrong setting.
 */
export function resolve (
  given: Record<string, unknown>, { directory }: Pick<SettingsSource, 'directory'>
): Record<string, unknown> {
  const { EXTRA_PARAMS: extra = {}, endpoint, ...settings } = resolvePrices(fromOriginal(given), directory)
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) {
    throw new Error('EXTRA_PARAMS must be a map of host, port, path, secure')
  }
  const params = { ...extra as Record<string, unknown> }
  // The files of the original have the port as text.
  const { port } = params
  if (typeof port === 'string' && digits.test(port)) params['port'] = Number(port)
  return { ...params, ...endpoint === undefined ? {} : parseEndpoint(endpoint), ...settings }
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
