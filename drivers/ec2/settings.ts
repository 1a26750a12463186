import { Type, type Static } from 'typebox'

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

/** What the credentials lack, in words; undefined where they are enough. */
export function missingCredentials ({ access_key_id: id, secret_access_key: key, profile }: Partial<Settings>): string | undefined {
  if (profile !== undefined) {
    return id === undefined && key === undefined ? undefined : 'profile: takes the place of access_key_id and secret_access_key; give one of both'
  }
  if (id === undefined && key === undefined) return 'access_key_id: is required, with secret_access_key, or profile in their place'
  if (id === undefined) return 'access_key_id: is required with secret_access_key'
  return key === undefined ? 'secret_access_key: is required with access_key_id' : undefined
}
