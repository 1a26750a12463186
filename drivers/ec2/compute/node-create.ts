import type { BlockDeviceMapping, RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, LostCreate, ResourceRef } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { checkTags } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import type { Fresh } from '../client/consistency.ts'
import { readInstances } from './instances.ts'
import { planNics } from './placement.ts'
import { createFields, explainFields, pointTo } from '../client/refusals.ts'
import { ec2Tags, rename, setTags, tagCreated, tagSpecifications, toTagList } from '../client/tags.ts'

/** Amazon's limit on user data, before it is encoded. */
export const userDataBytes = 16 * 1024

export interface NodeCreateOptions {
  cloud: Cloud
  fresh: Fresh
  /** The driver's own options as parameters. */
  options: (given: Record<string, unknown>) => Partial<RunInstancesCommandInput>
  /** Whether there is such a size: Amazon's code for one there is not (InvalidParameterValue) says no field. */
  hasSize: (id: string, call: Call) => Promise<boolean>
}

/**
 * Creation of nodes by one RunInstances, all or nothing, with the operation's id as ClientToken: a repeat makes none
 * beside those that are there, and a filter finds them again.
 */
export function createNodeCreate ({ cloud, fresh, options, hasSize }: NodeCreateOptions) {
  const { client, dialect } = cloud

  const rootMapping = async (
    { image_id: image, root_volume: root }: NodeCreate, call: Call
  ): Promise<{ BlockDeviceMappings?: BlockDeviceMapping[] }> => {
    if (root === undefined) return {}
    const { Images: [found] = [] } = await client.read((sdk) => new sdk.DescribeImagesCommand({ ImageIds: [image] }), call)
    const device = found?.RootDeviceName
    if (device === undefined) throw invalid('/root_volume', 'the image has no root volume')
    return {
      BlockDeviceMappings: [{
        DeviceName: device,
        Ebs: {
          ...(root.size === undefined ? {} : { VolumeSize: root.size }),
          ...(root.type === undefined ? {} : { VolumeType: root.type as 'gp3' }),
          ...(root.delete_on_termination === undefined ? {} : { DeleteOnTermination: root.delete_on_termination })
        }
      }]
    }
  }

  const toInput = async (input: NodeCreate, operation: string | undefined, call: Call): Promise<RunInstancesCommandInput> => {
    const { count = 1, user_data: userData, availability_zone: zone, key_pair_name: key, security_group_ids: groups } = input
    const own = options(input.provider_options?.[dialect.driver] ?? {})
    const nics = await planNics(client, input, call)
    return {
      ...own,
      MinCount: count,
      MaxCount: count,
      ImageId: input.image_id,
      InstanceType: input.size_id as 't3.micro',
      ...(operation === undefined ? {} : { ClientToken: operation }),
      ...(key === undefined ? {} : { KeyName: key }),
      ...(userData === undefined ? {} : { UserData: Buffer.from(userData).toString('base64') }),
      ...(zone === undefined ? {} : { Placement: { ...own.Placement, AvailabilityZone: zone } }),
      ...(input.protected === undefined ? {} : { DisableApiTermination: input.protected }),
      ...(nics ?? (groups === undefined ? {} : { SecurityGroupIds: groups })),
      ...await rootMapping(input, call),
      ...together(
        tagSpecifications(cloud, ['instance'], labelsOf(input)),
        // What is made with the node goes when it is detached: the tag says so.
        nics === undefined ? {} : tagSpecifications(cloud, ['network-interface'], { operation })
      )
    }
  }

  /** Names and tags of several, in the order in which they are launched; of one, where they did not go with the create. */
  const label = async (input: NodeCreate, ids: readonly string[], call: Call) => {
    if (!isSeveral(input)) return tagCreated(cloud, ids, labelsOf(input), call)
    if (!dialect.tagsOnCreate) await setTags(cloud, ids, toTagList({ tags: input.tags }), call)
    await Promise.all(ids.map((id, index) => rename(cloud, id, `${input.name}-${index + 1}`, call)))
  }

  const findCreated = async ({ id, input }: LostCreate, _since: Date, call: Call): Promise<ResourceRef[]> => {
    const { instances } = await readInstances(client, { Filters: [{ Name: 'client-token', Values: [id] }] }, call)
    const made = inOrder(instances)
    fresh.note(made)
    if (made.length > 0) await label(input, made, call)
    return made.map((found) => ({ kind: 'node', id: found }))
  }

  return {
    async create (input: NodeCreate, call: Call): Promise<Change> {
      check(input)
      const asked = await toInput(input, call.operation, call)
      try {
        const token = call.operation !== undefined
        const { Instances: instances } = await client.change((sdk) => new sdk.RunInstancesCommand(asked), call, { token })
        const ids = inOrder(instances ?? [])
        if (ids.length === 0) throw malformed('The cloud answered without an instance', false)
        fresh.note(ids)
        await labelled(() => label(input, ids, call))
        return { resources: ids.map((id) => ({ kind: 'node', id })), until: { states: ['running'] } }
      } catch (error) {
        throw await explain(error, input, call)
      }
    },
    findCreated
  }

  async function explain (error: unknown, input: NodeCreate, call: Call) {
    const told = explainFields(error, createFields)
    if (told !== error || !(error instanceof ProblemError) || error.code !== 'provider_rejected') return told
    return await hasSize(input.size_id, call).catch(() => true) ? error : pointTo('/size_id', error)
  }
}

/** What fails here fails after the creation: it is found again, and labelled anew. */
async function labelled (run: () => Promise<void>) {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    throw new ProblemError(error.code, error.message, { ...error.details, cause: error, outcomeUnknown: true })
  }
}

function check ({ tags = {}, user_data: userData = '' }: NodeCreate) {
  checkTags(tags, ec2Tags)
  const length = Buffer.byteLength(userData)
  if (length > userDataBytes) throw invalid('/user_data', `has ${length} bytes; this cloud takes ${userDataBytes}`)
}

const together = (...parts: Array<Pick<RunInstancesCommandInput, 'TagSpecifications'>>) => {
  const all = parts.flatMap(({ TagSpecifications: some = [] }) => some)
  return all.length === 0 ? {} : { TagSpecifications: all }
}

const isSeveral = ({ count = 1 }: NodeCreate) => count > 1

const labelsOf = (input: NodeCreate) => ({ name: input.name, tags: input.tags })

const inOrder = (instances: ReadonlyArray<{ InstanceId?: string | undefined, AmiLaunchIndex?: number | undefined }>) =>
  [...instances].sort((a, b) => (a.AmiLaunchIndex ?? 0) - (b.AmiLaunchIndex ?? 0)).flatMap(({ InstanceId: id }) => id ?? [])
