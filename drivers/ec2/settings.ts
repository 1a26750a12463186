import { Type, type Static } from '#typebox'
import type { SettingsSource } from '../driver.ts'
import { defined, renameParameters, type ConvertedEntry, type OriginalEntry } from '../original.ts'
import { resolvePrices } from './compute/prices.ts'

const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))

export const secret = (description: string) => text(description, { format: 'password' })

const RecommendedImages = Type.Array(
  Type.Object({
    owner: Type.String({ minLength: 1, description: 'Account, or an alias such as `amazon`.' }),
    name: Type.String({ minLength: 1, description: 'Pattern of the name, with `*` and `?`.' })
  }, { additionalProperties: false }),
  {
    description:
      'Images of other accounts that lists include; by default Amazon Linux, Debian and Ubuntu.'
  }
)

/** The settings that the clouds of this protocol share. */
export const commonSettings = {
  prices: text(
    'Path of a file with prices of sizes, instead of the file of the driver; for its form see the README.'
  ),
  ca: text('Path of a file with the certificate authority of the endpoint.'),
  verify: Type.Optional(Type.Boolean({
    description: 'Whether to check the certificate of the endpoint; true by default.'
  }))
}

const addressPattern = '^https?://[^/]'

/** The settings of a cloud: one account in one location. */
export const Settings = Type.Object({
  access_key_id: text('Access key of the account.', { examples: ['AKIAIOSFODNN7EXAMPLE'] }),
  secret_access_key: secret('Secret of the access key.'),
  session_token: secret('Session token of a temporary access key.'),
  profile: text(
    "Profile in the user's AWS files (~/.aws/credentials and ~/.aws/config), instead of an access key."
  ),
  role_arn: text('Role to assume with the access key or the profile.', {
    examples: ['arn:aws:iam::123456789012:role/orchestrator']
  }),
  location: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]*$',
    description: 'Region.',
    examples: ['eu-central-1']
  }),
  endpoint: text("Address of the API, instead of Amazon's.", {
    pattern: addressPattern,
    examples: ['https://ec2.eu-central-1.amazonaws.com']
  }),
  sts_endpoint: text("Address of the token service for `role_arn`, instead of Amazon's.", {
    pattern: addressPattern
  }),
  recommended_images: Type.Optional(RecommendedImages),
  ...commonSettings
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

/** Names of regions in the original Orchestrator: the providers of Apache Libcloud (libcloud/compute/types.py). */
export const aliases = {
  ec2_us_east: { location: 'us-east-1' },
  ec2_us_east_ohio: { location: 'us-east-2' },
  ec2_us_west: { location: 'us-west-1' },
  ec2_us_west_oregon: { location: 'us-west-2' },
  ec2_eu_west: { location: 'eu-west-1' },
  ec2_eu_west_london: { location: 'eu-west-2' },
  ec2_ap_northeast: { location: 'ap-northeast-1' },
  ec2_ap_northeast_1: { location: 'ap-northeast-1' },
  ec2_ap_northeast_2: { location: 'ap-northeast-2' },
  ec2_ap_southeast: { location: 'ap-southeast-1' },
  ec2_ap_southeast_2: { location: 'ap-southeast-2' },
  ec2_ca_central_1: { location: 'ca-central-1' },
  ec2_sa_east: { location: 'sa-east-1' }
}

/** The key of the original Orchestrator: `USER` is the access key, `PASSWORD` its secret. */
export const keyFromOriginal = ({ user, password }: OriginalEntry) =>
  defined({ access_key_id: user, secret_access_key: password })

/** The address of the API from the arguments of Libcloud's driver; undefined without a host. */
function toEndpoint ({ host, port, path = '', secure = true }: Record<string, unknown>) {
  if (host === undefined) return undefined
  return `${secure === false ? 'http' : 'https'}://${String(host)}${
    port === undefined ? '' : `:${String(port)}`
  }${String(path)}`
}

export function fromOriginal (entry: OriginalEntry): ConvertedEntry {
  const { host, port, path, secure, ...others } = entry.extra
  const names = { region: 'location', token: 'session_token' }
  const known = { ...names, host: 'host', port: 'port', path: 'path', secure: 'secure' }
  renameParameters(entry.extra, known)
  // Libcloud's default region.
  const settings = {
    location: 'us-east-1',
    ...keyFromOriginal(entry),
    ...renameParameters(others, names)
  }
  return { settings: defined({ ...settings, endpoint: toEndpoint({ host, port, path, secure }) }) }
}

function checkCredentials (
  { access_key_id: id, secret_access_key: key, profile }: Record<string, unknown>
) {
  if (profile !== undefined) {
    if (id === undefined && key === undefined) return
    throw new Error(
      'profile replaces access_key_id and secret_access_key; set either profile or the key'
    )
  }
  if (id === undefined && key === undefined) {
    throw new Error('access_key_id is required, with secret_access_key; or set profile instead')
  }
  if (id === undefined) throw new Error('access_key_id is required with secret_access_key')
  if (key === undefined) throw new Error('secret_access_key is required with access_key_id')
}

type Source = Pick<SettingsSource, 'directory'>

/** Throws an Error that names the missing credentials, or the wrong field of a file of prices. */
export function resolve (
  given: Record<string, unknown>,
  { directory }: Source
): Record<string, unknown> {
  const settings = resolvePrices(given, directory)
  checkCredentials(settings)
  return settings
}
