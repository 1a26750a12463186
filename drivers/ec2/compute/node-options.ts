import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { Type, type Static } from '#typebox'

const flag = (description: string) => Type.Optional(Type.Boolean({ description }))

/** The options that the clouds of this protocol share. */
export const commonOptions = {
  iam_instance_profile: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 256,
    description: 'Name or ARN of the instance profile.'
  })),
  monitoring: flag('Detailed monitoring.')
}

interface CommonOptions {
  iam_instance_profile?: string
  monitoring?: boolean
}

/** Translates the options that the clouds of this protocol share. */
export const toCommonParameters = (
  { iam_instance_profile: profile, monitoring }: CommonOptions
) => ({
  IamInstanceProfile: profile === undefined ? undefined : toInstanceProfile(profile),
  Monitoring: monitoring === undefined ? undefined : { Enabled: monitoring }
})

const toInstanceProfile = (profile: string) =>
  profile.startsWith('arn:') ? { Arn: profile } : { Name: profile }

/** The options of a node's creation that only Amazon has. */
export const createOptions = Type.Object({
  spot: flag('A spot instance: cheaper, but Amazon may reclaim it at any time.'),
  spot_max_price: Type.Optional(Type.String({
    pattern: '^[0-9]+(\\.[0-9]+)?$',
    description: 'Maximum price per hour, in US dollars; requires `spot`.'
  })),
  hibernation: flag(
    'Prepares the node for hibernation: `suspend` then keeps its memory on the root volume.'
  ),
  ebs_optimized: flag('Dedicated throughput for volumes.'),
  ...commonOptions,
  tenancy: Type.Optional(Type.Enum(['default', 'dedicated', 'host'], { type: 'string' })),
  placement_group: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  shutdown_behavior: Type.Optional(Type.Enum(['stop', 'terminate'], {
    type: 'string',
    description: 'What happens to the node when its operating system shuts down.'
  })),
  metadata_tokens: Type.Optional(Type.Enum(['optional', 'required'], {
    type: 'string',
    description: '`required` allows only IMDSv2.'
  }))
}, { additionalProperties: false })

type CreateOptions = Static<typeof createOptions>

/** Translates the options into parameters of RunInstances. */
export function toParameters (options: CreateOptions): Partial<RunInstancesCommandInput> {
  const { hibernation, tenancy, placement_group: group, metadata_tokens: tokens } = options
  return {
    InstanceMarketOptions: options.spot === true ? toSpotMarket(options.spot_max_price) : undefined,
    HibernationOptions: hibernation === undefined ? undefined : { Configured: hibernation },
    EbsOptimized: options.ebs_optimized,
    ...toCommonParameters(options),
    InstanceInitiatedShutdownBehavior: options.shutdown_behavior,
    MetadataOptions: tokens === undefined ? undefined : { HttpTokens: tokens },
    Placement: tenancy === undefined && group === undefined
      ? undefined
      : { Tenancy: tenancy, GroupName: group }
  }
}

const toSpotMarket = (maxPrice: string | undefined) => ({
  MarketType: 'spot' as const,
  SpotOptions: maxPrice === undefined ? undefined : { MaxPrice: maxPrice }
})
