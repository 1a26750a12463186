import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { Type, type Static } from 'typebox'

/** What Amazon alone can do at a creation. */
export const createOptions = Type.Object({
  spot: Type.Optional(Type.Boolean({ description: 'A spot instance: cheaper, and taken away when the room is needed.' })),
  spot_max_price: Type.Optional(Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?$', description: 'The most to pay for an hour, in US dollars; with `spot`.' })),
  hibernation: Type.Optional(Type.Boolean({ description: 'Prepare it for hibernation: `suspend` then keeps its memory on the root volume.' })),
  ebs_optimized: Type.Optional(Type.Boolean({ description: 'Throughput for volumes of its own.' })),
  iam_instance_profile: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Name or ARN of the instance profile.' })),
  monitoring: Type.Optional(Type.Boolean({ description: 'Detailed monitoring.' })),
  tenancy: Type.Optional(Type.Enum(['default', 'dedicated', 'host'], { type: 'string' })),
  placement_group: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  shutdown_behavior: Type.Optional(Type.Enum(['stop', 'terminate'], { type: 'string', description: 'What a shutdown from inside does.' })),
  metadata_tokens: Type.Optional(Type.Enum(['optional', 'required'], { type: 'string', description: '`required` is IMDSv2 only.' }))
}, { additionalProperties: false })

export type CreateOptions = Static<typeof createOptions>

/** The options as parameters of RunInstances. */
export function toParameters (options: CreateOptions): Partial<RunInstancesCommandInput> {
  const { spot, spot_max_price: price, hibernation, iam_instance_profile: profile, tenancy, placement_group: group } = options
  return {
    ...(spot === true ? { InstanceMarketOptions: { MarketType: 'spot', ...(price === undefined ? {} : { SpotOptions: { MaxPrice: price } }) } } : {}),
    ...(hibernation === undefined ? {} : { HibernationOptions: { Configured: hibernation } }),
    ...(options.ebs_optimized === undefined ? {} : { EbsOptimized: options.ebs_optimized }),
    ...(profile === undefined ? {} : { IamInstanceProfile: profile.startsWith('arn:') ? { Arn: profile } : { Name: profile } }),
    ...(options.monitoring === undefined ? {} : { Monitoring: { Enabled: options.monitoring } }),
    ...(options.shutdown_behavior === undefined ? {} : { InstanceInitiatedShutdownBehavior: options.shutdown_behavior }),
    ...(options.metadata_tokens === undefined ? {} : { MetadataOptions: { HttpTokens: options.metadata_tokens } }),
    ...(tenancy === undefined && group === undefined
      ? {}
      : { Placement: { ...(tenancy === undefined ? {} : { Tenancy: tenancy }), ...(group === undefined ? {} : { GroupName: group }) } })
  }
}
