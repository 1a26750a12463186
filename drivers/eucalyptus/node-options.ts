import { Type, type Static } from 'typebox'

/** What Eucalyptus alone can do at a creation. */
export const createOptions = Type.Object({
  monitoring: Type.Optional(Type.Boolean({ description: 'Detailed monitoring.' })),
  iam_instance_profile: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Name or ARN of the instance profile.' }))
}, { additionalProperties: false })

type CreateOptions = Static<typeof createOptions>

/** The options as parameters of RunInstances. */
export function toParameters ({ monitoring, iam_instance_profile: profile }: CreateOptions) {
  return {
    ...(monitoring === undefined ? {} : { Monitoring: { Enabled: monitoring } }),
    ...(profile === undefined ? {} : { IamInstanceProfile: profile.startsWith('arn:') ? { Arn: profile } : { Name: profile } })
  }
}
