import { Type, type Static } from 'typebox'
import type { SettingsSource } from '../driver.ts'
import { resolvePrices } from './compute/prices.ts'

const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))

export const secret = (description: string) => text(description, { format: 'password' })

const RecommendedImages = Type.Array(Type.Object({
  owner: Type.String({ minLength: 1, description: 'Account, or an alias such as `amazon`.' }),
  name: Type.String({ minLength: 1, description: 'Pattern of the name, with `*` and `?`.' })
}, { additionalProperties: false }), {
  description: 'Images of other accounts that lists include; by default Amazon Linux, Debian and Ubuntu.'
})

/** The settings that the clouds of this protocol share. */
export const commonSettings = {
  prices: text('Path of a file with prices of sizes, instead of the file of the driver; for its form see the README.'),
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
  profile: text("Profile in the user's AWS files (~/.aws/credentials and ~/.aws/config), instead of an access key."),
  role_arn: text('Role to assume with the access key or the profile.', {
    examples: ['arn:aws:iam::123456789012:role/orchestrator']
  }),
  location: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'Region.', examples: ['eu-central-1'] }),
  endpoint: text("Address of the API, instead of Amazon's.", {
    pattern: addressPattern, examples: ['https://ec2.eu-central-1.amazonaws.com']
  }),
  sts_endpoint: text("Address of the token service for `role_arn`, instead of Amazon's.", { pattern: addressPattern }),
  recommended_images: Type.Optional(RecommendedImages),
  ...commonSettings
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

/** Names of regions in the original Orchestrator, which are those of Apache Libcloud. */
export const aliases = {
  ec2_us_east: { location: 'us-east-1' },
  ec2_us_west: { location: 'us-west-1' },
  ec2_eu_west: { location: 'eu-west-1' }
}

/** Renames the settings of the original Orchestrator: `USER` is the access key, `PASSWORD` its secret. */
export function fromOriginal ({ USER: user, PASSWORD: password, ...settings }: Record<string, unknown>) {
  if (user !== undefined) settings.access_key_id ??= user
  if (password !== undefined) settings.secret_access_key ??= password
  return settings
}

function checkCredentials ({ access_key_id: id, secret_access_key: key, profile }: Record<string, unknown>) {
  if (profile !== undefined) {
    if (id === undefined && key === undefined) return
    throw new Error('profile replaces access_key_id and secret_access_key; set either profile or the key')
  }
  if (id === undefined && key === undefined) {
    throw new Error('access_key_id is required, with secret_access_key; or set profile instead')
  }
  if (id === undefined) throw new Error('access_key_id is required with secret_access_key')
  if (key === undefined) throw new Error('secret_access_key is required with access_key_id')
}

type Source = Pick<SettingsSource, 'directory'>

/** Throws an Error that names the missing credentials, or the wrong field of a file of prices. */
export function resolve (given: Record<string, unknown>, { directory }: Source): Record<string, unknown> {
  const settings = resolvePrices(fromOriginal(given), directory)
  checkCredentials(settings)
  return settings
}
