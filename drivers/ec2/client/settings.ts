import { Type, type Static } from 'typebox'
import type { SettingsSource } from '../../driver.ts'
import { resolvePrices } from '../compute/prices.ts'

export const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))

export const secret = (description: string) => text(description, { format: 'password' })

const RecommendedImages = Type.Array(Type.Object({
  owner: Type.String({ minLength: 1, description: 'Account, or an alias as `amazon`.' }),
  name: Type.String({ minLength: 1, description: 'Pattern of the name, with `*` and `?`.' })
}, { additionalProperties: false }), {
  description: 'Images of others that are listed beside the own; Amazon Linux, Debian and Ubuntu where not given.'
})

/** What any cloud of this protocol may be told. */
export const common = {
  recommended_images: Type.Optional(RecommendedImages),
  prices: text('Path of a file with prices of sizes, in the place of the one that comes with the driver; its form is in the README.'),
  ca: text('Path of a file with the certificate authority of the endpoint.'),
  verify: Type.Optional(Type.Boolean({ description: 'Whether to check the certificate of the endpoint; true where not given.' }))
}

/** The settings of a cloud: one account in one location. */
export const Settings = Type.Object({
  access_key_id: text('Access key of the account.', { examples: ['AKIAIOSFODNN7EXAMPLE'] }),
  secret_access_key: secret('Secret of the access key.'),
  session_token: secret('Session token, where the key is a temporary one.'),
  profile: text("Profile of the user's AWS files (~/.aws/credentials and ~/.aws/config), in the place of a key."),
  role_arn: text('Role to take on, with the key or the profile.', { examples: ['arn:aws:iam::123456789012:role/orchestrator'] }),
  location: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'Region.', examples: ['eu-central-1'] }),
  endpoint: text("Address of the API in the place of Amazon's.", { pattern: '^https?://[^/]', examples: ['https://ec2.eu-central-1.amazonaws.com'] }),
  sts_endpoint: text("Address of the token service in the place of Amazon's; for `role_arn`.", { pattern: '^https?://[^/]' }),
  ...common
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>

/** Names of the regions in the original Orchestrator (and in Apache Libcloud, whose regions these are). */
export const aliases = {
  ec2_us_east: { location: 'us-east-1' },
  ec2_us_west: { location: 'us-west-1' },
  ec2_eu_west: { location: 'eu-west-1' }
}

/** The names of the original Orchestrator, in those of today: `USER` is the access key, `PASSWORD` its secret. */
export function fromOriginal ({ USER: user, PASSWORD: password, ...settings }: Record<string, unknown>): Record<string, unknown> {
  return {
    ...(user === undefined ? {} : { access_key_id: user }), ...(password === undefined ? {} : { secret_access_key: password }), ...settings
  }
}

/** Throws an Error that says what the credentials lack, or what of a file of prices does not fit. */
export function resolve (given: Record<string, unknown>, { directory }: Pick<SettingsSource, 'directory'>): Record<string, unknown> {
  const settings = resolvePrices(fromOriginal(given), directory)
  const { access_key_id: id, secret_access_key: key, profile } = settings
  if (profile !== undefined && (id !== undefined || key !== undefined)) {
    throw new Error('profile takes the place of access_key_id and secret_access_key; give one of both')
  }
  if (profile !== undefined) return settings
  if (id === undefined && key === undefined) throw new Error('access_key_id is required, with secret_access_key; or profile in their place')
  if (id === undefined) throw new Error('access_key_id is required with secret_access_key')
  if (key === undefined) throw new Error('secret_access_key is required with access_key_id')
  return settings
}
