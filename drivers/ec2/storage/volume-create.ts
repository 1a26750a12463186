import type { CreateVolumeCommandInput } from '@aws-sdk/client-ec2'
import { ProblemError, type VolumeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, LostCreate, ResourceRef, VolumeService } from '../../driver.ts'
import { checkTags, operationKey } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import type { Fresh } from '../client/consistency.ts'
import { explainFields, pointTo, type RefusedField } from '../client/refusals.ts'
import { ec2Tags, tagCreated, tagSpecifications } from '../client/tags.ts'
import { volumeTypes } from './volume-types.ts'
import type { Zones } from '../compute/zones.ts'

/** Refusals of CreateVolume, by Amazon's list of error codes. */
const fields: readonly RefusedField[] = [
  { code: /^InvalidSnapshot/, pointer: '/snapshot_id' },
  { code: /^(UnknownVolumeType|InvalidVolumeType|UnsupportedVolumeType)/, pointer: '/type' },
  { code: /^Invalid(Availability)?Zone/, pointer: '/availability_zone' },
  { code: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
]

/** Creation of volumes, empty ones and of snapshots; each is in a zone, which is the first where none is asked for. */
export function createVolumeCreate (cloud: Cloud, zones: Zones, fresh: Fresh): Pick<VolumeService, 'create' | 'findCreated'> {
  const { client, dialect } = cloud

  const toInput = async (input: VolumeCreate, operation: string | undefined, call: Call): Promise<CreateVolumeCommandInput> => ({
    AvailabilityZone: input.availability_zone ?? await zones.first(call),
    ...(input.size === undefined ? {} : { Size: input.size }),
    ...(input.type === undefined ? {} : { VolumeType: input.type as 'gp3' }),
    ...(input.snapshot_id === undefined ? {} : { SnapshotId: input.snapshot_id }),
    ...(input.iops === undefined ? {} : { Iops: input.iops }),
    ...(input.encrypted === undefined ? {} : { Encrypted: input.encrypted }),
    ...(dialect.volumeTokens && operation !== undefined ? { ClientToken: operation } : {}),
    ...tagSpecifications(cloud, ['volume'], { name: input.name, tags: input.tags, operation })
  })

  /** The code for a zone or a type that there is not (InvalidParameterValue) says no field. */
  const explain = async (error: unknown, { availability_zone: zone, type }: VolumeCreate, call: Call) => {
    const told = explainFields(error, fields)
    if (told !== error || !(error instanceof ProblemError) || error.code !== 'provider_rejected') return told
    if (type !== undefined && !volumeTypes.has(type)) return pointTo('/type', error)
    if (zone === undefined) return error
    const known = await zones.read(call).catch(() => undefined)
    return known === undefined || known.some(({ ZoneName: name }) => name === zone) ? error : pointTo('/availability_zone', error)
  }

  const create = async (input: VolumeCreate, call: Call): Promise<Change> => {
    checkTags(input.tags ?? {}, ec2Tags)
    const { operation } = call
    try {
      const asked = await toInput(input, operation, call)
      const token = dialect.volumeTokens && operation !== undefined
      const { VolumeId: id } = await client.change((sdk) => new sdk.CreateVolumeCommand(asked), call, { token })
      if (id === undefined) throw malformed('The cloud answered without a volume', false)
      fresh.note([id])
      await tagCreated(cloud, [id], { name: input.name, tags: input.tags, operation }, call)
      return { resources: [{ kind: 'volume', id }], until: { states: ['available'] } }
    } catch (error) {
      throw await explain(error, input, call)
    }
  }

  const findCreated = async ({ id }: LostCreate<VolumeCreate>, _since: Date, call: Call): Promise<ResourceRef[]> => {
    const input = { Filters: [{ Name: `tag:${operationKey}`, Values: [id] }] }
    const { Volumes: volumes = [] } = await client.read((sdk) => new sdk.DescribeVolumesCommand(input), call)
    return volumes.flatMap(({ VolumeId: own }): ResourceRef[] => own === undefined ? [] : [{ kind: 'volume', id: own }])
  }

  // Where tags do not go with the create, nothing tells which one it made.
  return dialect.tagsOnCreate ? { create, findCreated } : { create }
}
