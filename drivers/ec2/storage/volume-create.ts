import type { VolumeType as RawVolumeType } from '@aws-sdk/client-ec2'
import type { VolumeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { VolumeService } from '../../driver.ts'
import { explaining, pointTo } from '../../common/refusals.ts'
import {
  acceptCreation,
  checkEc2Tags,
  explainFields,
  isProblem,
  readZones,
  tagRefusal,
  toOperationFilter,
  toRefs,
  toTagParameters,
  type Cloud,
  type DefaultZone,
  type RecentIds
} from '../client/index.ts'
import { volumeTypes } from './volume-types.ts'

/** Refusals of CreateVolume, from Amazon's list of error codes. */
const createRefusals = [
  { pattern: /^InvalidSnapshot/, pointer: '/snapshot_id' },
  { pattern: /^(UnknownVolumeType|InvalidVolumeType|UnsupportedVolumeType)/, pointer: '/type' },
  { pattern: /^Invalid(Availability)?Zone/, pointer: '/availability_zone' },
  tagRefusal
]

type VolumeCreation = Pick<VolumeService, 'create' | 'findCreated'>

/** Creates volumes, empty or from a snapshot. A request without a zone gets the default zone. */
export function createVolumeCreate (
  cloud: Cloud,
  defaultZone: DefaultZone,
  recent: RecentIds
): VolumeCreation {
  const { client, dialect } = cloud

  /** The cloud refuses an unknown zone or type with InvalidParameterValue, which names no field. */
  const explain = async (
    error: unknown,
    { availability_zone: zone, type }: VolumeCreate,
    call: Call
  ) => {
    const explained = explainFields(error, createRefusals)
    if (!isProblem(explained, 'provider_rejected')) return explained
    if (type !== undefined && !volumeTypes.has(type)) return pointTo('/type', explained)
    if (zone === undefined) return explained
    const zones = await readZones(client, call).catch(() => undefined)
    const isUnknown = zones !== undefined && !zones.some(({ ZoneName: name }) => name === zone)
    return isUnknown ? pointTo('/availability_zone', explained) : explained
  }

  const findCreated: VolumeService['findCreated'] = async ({ id }, _since, call) => {
    const { Volumes: volumes = [] } = await client.read('DescribeVolumes', {
      Filters: [toOperationFilter(id)]
    }, call)
    return toRefs('volume', volumes.map(({ VolumeId: volume }) => volume))
  }

  return {
    async create (volume, call) {
      const { name, tags } = volume
      checkEc2Tags(tags)
      const labels = { name, tags, operation: call.operation }
      const token = dialect.volumeTokens ? call.operation : undefined
      const input = {
        AvailabilityZone: volume.availability_zone ?? await defaultZone.read(call),
        Size: volume.size,
        VolumeType: volume.type as RawVolumeType | undefined,
        SnapshotId: volume.snapshot_id,
        Iops: volume.iops,
        Encrypted: volume.encrypted,
        ClientToken: token,
        ...toTagParameters(cloud, 'volume', labels)
      }
      const { VolumeId: id } = await explaining(
        (error) => explain(error, volume, call),
        () => client.change('CreateVolume', input, call, { idempotent: token !== undefined })
      )
      return acceptCreation(cloud, recent, { kind: 'volume', id, labels }, call)
    },

    // Without the tag of the operation, a lost volume cannot be found.
    findCreated: dialect.tagsOnCreate ? findCreated : undefined
  }
}
