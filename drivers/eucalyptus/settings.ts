import { Type, type Static } from 'typebox'
import type { SettingsSource } from '../driver.ts'
import { common, fromOriginal, resolvePrices, secret } from '../ec2/public.ts'

const { recommended_images: _, ...shared } = common

/** The settings of a cloud of Eucalyptus: an account, and where its compute service is. */
export const Settings = Type.Object({
  access_key_id: Type.String({ minLength: 1, description: 'Access key of the account.' }),
  secret_access_key: Type.String({ minLength: 1, format: 'password', description: 'Secret of the access key.' }),
  session_token: secret('Session token, where the key is a temporary one.'),
  host: Type.String({ pattern: '^[^/\\s:]+$', description: 'Host of the compute service.', examples: ['cloud.example'] }),
  port: Type.Integer({ minimum: 1, maximum: 65535, default: 8773, description: 'Port of the compute service.' }),
  path: Type.String({
    pattern: '^/', default: '/services/compute', description: 'Path of the compute service; `/services/Eucalyptus` before version 4.'
  }),
  secure: Type.Boolean({ default: true, description: 'Whether to speak TLS.' }),
  location: Type.String({ pattern: '^[A-Za-z0-9][\\w.-]*$', default: 'eucalyptus', description: 'Name of the region.' }),
  ...shared
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

const numbers = /^[0-9]+$/

/**
 * Brings the form of the original Orchestrator (`USER`, `PASSWORD`, `EXTRA_PARAMS` with `host`, `secure`, `port`, `path`)
 * and `endpoint`, the whole address, into that of today. Throws an Error that names what makes no sense.
 */
export function resolve (given: Record<string, unknown>, { directory }: Pick<SettingsSource, 'directory'>): Record<string, unknown> {
  const { EXTRA_PARAMS: extra = {}, endpoint, ...settings } = resolvePrices(fromOriginal(given), directory)
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) throw new Error('EXTRA_PARAMS must be a map of host, port, path, secure')
  const { port, ...params } = extra as Record<string, unknown>
  // Written as text in the original's files.
  const number = typeof port === 'string' && numbers.test(port) ? Number(port) : port
  return { ...params, ...(port === undefined ? {} : { port: number }), ...fromEndpoint(endpoint), ...settings }
}

function fromEndpoint (endpoint: unknown) {
  if (endpoint === undefined) return {}
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    throw new Error('endpoint must be an address as https://cloud.example:8773/services/compute')
  }
  const { hostname: host, port, pathname: path, protocol } = new URL(endpoint)
  return { host, secure: protocol === 'https:', ...(port === '' ? {} : { port: Number(port) }), ...(path === '/' ? {} : { path }) }
}
