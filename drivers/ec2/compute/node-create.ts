import type {
  _InstanceType,
  Instance,
  RunInstancesCommandInput,
  VolumeType
} from '@aws-sdk/client-ec2'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { NodeService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { explaining, pointTo, type FieldRefusal } from '../../common/refusals.ts'
import {
  checkEc2Tags,
  explainFields,
  isProblem,
  malformed,
  setName,
  setTags,
  tagCreated,
  tagRefusal,
  toRefs,
  toTagList,
  toTagParameters,
  type Cloud,
  type RecentIds
} from '../client/index.ts'
import { readInstances } from './instances.ts'
import { planNics } from './placement.ts'

export const sizeRefusal: FieldRefusal = { pattern: /InstanceType/, pointer: '/size_id' }

/** Refusals of RunInstances, from Amazon's list of error codes. */
const createRefusals = [
  { pattern: /^InvalidAMI/, pointer: '/image_id' },
  sizeRefusal,
  { pattern: /^InvalidKeyPair/, pointer: '/key_pair_name' },
  {
    pattern:
      /^InvalidSubnet|^InvalidVpcID|^InvalidNetworkInterface|^InvalidIPAddress|PrivateIpAddress/,
    pointer: '/networks'
  },
  { pattern: /^InvalidGroup|^InvalidSecurityGroup/, pointer: '/security_group_ids' },
  { pattern: /^InvalidAvailabilityZone|^InvalidZone/, pointer: '/availability_zone' },
  { pattern: /^InvalidUserData/, pointer: '/user_data' },
  { pattern: /BlockDeviceMapping|^InvalidVolume|VolumeSize|VolumeType/, pointer: '/root_volume' },
  tagRefusal
]

export interface NodeCreateOptions {
  cloud: Cloud
  recent: RecentIds
  /** Translates the driver's own options. */
  toParameters: (options: Record<string, unknown>) => Partial<RunInstancesCommandInput>
  /** Whether a size exists. Amazon refuses a missing one with InvalidParameterValue, which names no field. */
  hasSize: (id: string, call: Call) => Promise<boolean>
}

/**
 * Creates nodes by one RunInstances, which creates all or none. The operation's id is the ClientToken: a repeat creates
 * no second instance, and a filter finds the instances of a lost create.
 */
export function createNodeCreate (
  { cloud, recent, toParameters, hasSize }: NodeCreateOptions
): Pick<NodeService, 'create' | 'checkCreate' | 'findCreated'> {
  const { client, dialect } = cloud

  const toRootMapping = async ({ image_id: image, root_volume: root }: NodeCreate, call: Call) => {
    if (root === undefined) return undefined
    const { Images: [found] = [] } = await client.read(
      'DescribeImages',
      { ImageIds: [image] },
      call
    )
    const device = found?.RootDeviceName
    if (device === undefined) throw invalid('/root_volume', 'the image has no root volume')
    return [{
      DeviceName: device,
      Ebs: {
        VolumeSize: root.size,
        VolumeType: root.type as VolumeType | undefined,
        DeleteOnTermination: root.delete_on_termination
      }
    }]
  }

  const toInput = async (input: NodeCreate, call: Call): Promise<RunInstancesCommandInput> => {
    const { count = 1, availability_zone: zone, user_data: userData } = input
    const { operation } = call
    const ownParameters = toParameters(input.provider_options?.[dialect.driver] ?? {})
    const nics = await planNics(client, input, call)
    const instanceTags = toTagParameters(cloud, 'instance', labelsOf(input))
    // The tag marks the NIC for deletion when it is detached.
    const nicTags = nics === undefined
      ? undefined
      : toTagParameters(cloud, 'network-interface', { operation })
    const tags = [...instanceTags.TagSpecifications ?? [], ...nicTags?.TagSpecifications ?? []]
    return {
      ...ownParameters,
      MinCount: count,
      MaxCount: count,
      ImageId: input.image_id,
      InstanceType: input.size_id as _InstanceType,
      ClientToken: operation,
      KeyName: input.key_pair_name,
      UserData: userData === undefined ? undefined : Buffer.from(userData).toString('base64'),
      Placement: zone === undefined
        ? ownParameters.Placement
        : { ...ownParameters.Placement, AvailabilityZone: zone },
      DisableApiTermination: input.protected,
      NetworkInterfaces: nics,
      SecurityGroupIds: nics === undefined ? input.security_group_ids : undefined,
      BlockDeviceMappings: await toRootMapping(input, call),
      TagSpecifications: tags.length === 0 ? undefined : tags
    }
  }

  /** Numbers the names of several nodes in their launch order. One node gets its labels here if the create had none. */
  const label = async (input: NodeCreate, ids: readonly string[], call: Call) => {
    if (!isMultiple(input)) return tagCreated(cloud, ids, labelsOf(input), call)
    if (!dialect.tagsOnCreate) await setTags(cloud, ids, toTagList({ tags: input.tags }), call)
    await Promise.all(
      ids.map((id, index) => setName(cloud, id, `${input.name}-${index + 1}`, call))
    )
  }

  /** The nodes exist when their labels fail. With an unknown outcome the core finds them, and labels them again. */
  const labelCreated = (input: NodeCreate, ids: readonly string[], call: Call) => {
    const explain = (error: unknown) =>
      error instanceof ProblemError ? error.with({ outcomeUnknown: true }) : error
    return explaining(explain, () => label(input, ids, call))
  }

  const explainCreate = async (error: unknown, input: NodeCreate, call: Call) => {
    const explained = explainFields(error, createRefusals)
    if (!isProblem(explained, 'provider_rejected')) return explained
    const isKnown = await hasSize(input.size_id, call).catch(() => true)
    return isKnown ? explained : pointTo('/size_id', explained)
  }

  return {
    async checkCreate (input, call) {
      checkEc2Tags(input.tags)
      await toInput(input, call)
    },

    async create (input, call) {
      checkEc2Tags(input.tags)
      const request = await toInput(input, call)
      const { Instances: instances = [] } = await explaining(
        (error) => explainCreate(error, input, call),
        () =>
          client.change('RunInstances', request, call, { idempotent: call.operation !== undefined })
      )
      const ids = idsInLaunchOrder(instances)
      if (ids.length === 0) throw malformed('The response of the cloud has no instance', false)
      recent.add(ids)
      await labelCreated(input, ids, call)
      return { resources: toRefs('node', ids), until: { states: ['running'] } }
    },

    async findCreated ({ id: operation, input }, _since, call) {
      const request = { Filters: [{ Name: 'client-token', Values: [operation] }] }
      const { items } = await readInstances(client, request, call)
      const ids = idsInLaunchOrder(items)
      recent.add(ids)
      if (ids.length > 0) await label(input, ids, call)
      return toRefs('node', ids)
    }
  }
}

const isMultiple = ({ count = 1 }: NodeCreate) => count > 1

/** The labels that a create carries. Names of several nodes follow later. */
const labelsOf = ({ name, tags }: NodeCreate) => ({ name, tags })

const idsInLaunchOrder = (instances: readonly Instance[]) =>
  [...instances]
    .sort((a, b) => (a.AmiLaunchIndex ?? 0) - (b.AmiLaunchIndex ?? 0))
    .flatMap(({ InstanceId: id }) => id ?? [])
