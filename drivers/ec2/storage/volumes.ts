import type { Volume as RawVolume } from '@aws-sdk/client-ec2'
import type { Volume } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type VolumeService } from '../../driver.ts'
import { runSteps } from '../../common/steps.ts'
import {
  checkEc2Tags,
  createRecentIds,
  exactRule,
  filterNames,
  findById,
  isProblem,
  labelSteps,
  nameRule,
  notFound,
  readPage,
  tagLimits,
  toDeletion,
  toFilters,
  toIdFilter,
  toPageParameters,
  type Cloud,
  type DefaultZone
} from '../client/index.ts'
import { createVolumeActions } from './volume-actions.ts'
import { createVolumeCreate } from './volume-create.ts'
import { toVolume, toVolumeStatuses } from './volume-mapping.ts'

const filterRules = {
  name: nameRule,
  state: { name: 'status', toValues: toVolumeStatuses },
  type: exactRule('volume-type'),
  availability_zone: exactRule('availability-zone')
}

export const volumeCapabilities = describe<VolumeService>({
  list: { filters: filterNames(filterRules), limits: { limit: 200 } },
  create: {
    parameters: [
      'name',
      'size',
      'type',
      'snapshot_id',
      'availability_zone',
      'iops',
      'encrypted',
      'tags'
    ],
    limits: tagLimits
  },
  update: { parameters: ['name', 'tags'], limits: tagLimits },
  attach: { parameters: ['node_id', 'device'] },
  detach: { parameters: ['node_id'] },
  extend: { parameters: ['size'] }
})

/** EBS volumes. */
export function createVolumes (cloud: Cloud, defaultZone: DefaultZone): VolumeService {
  const { client, dialect } = cloud
  const identify = cloud.identify('volumes')
  const recent = createRecentIds()

  const read = (id: string, call: Call): Promise<RawVolume> =>
    recent.read(id, call, async () => {
      const { Volumes: volumes = [] } = await client.read(
        'DescribeVolumes',
        { VolumeIds: [id] },
        call
      )
      const found = findById(volumes, id, 'VolumeId')
      if (found === undefined) throw notFound('volume', id)
      return found
    })

  /** Reads the ids of growing volumes, of which there are few. The state of a volume does not show that it grows. */
  const readModifying = async (
    call: Call,
    id?: string
  ): Promise<ReadonlySet<string | undefined>> => {
    if (!dialect.volumeChanges) return new Set()
    const Filters = [{ Name: 'modification-state', Values: ['modifying'] }]
    if (id !== undefined) Filters.push({ Name: 'volume-id', Values: [id] })
    try {
      const { VolumesModifications: found = [] } = await client.read(
        'DescribeVolumesModifications',
        { Filters },
        call
      )
      const modifying = found.filter(({ ModificationState: state }) => state === 'modifying')
      return new Set(modifying.map(({ VolumeId: volumeId }) => volumeId))
    } catch (error) {
      if (isUnavailable(error)) return new Set()
      throw error
    }
  }

  const toItem = (volume: RawVolume, modifying: ReadonlySet<string | undefined>, extra: boolean) =>
    toVolume(volume, identify(volume.VolumeId ?? ''), {
      isModifying: modifying.has(volume.VolumeId),
      extra
    })

  const get = async (id: string, extra: boolean, call: Call): Promise<Volume> => {
    const [volume, modifying] = await Promise.all([read(id, call), readModifying(call, id)])
    return toItem(volume, modifying, extra)
  }

  return {
    async list ({ limit, token, filters, extra, ids }, call) {
      const page = toPageParameters(cloud, { limit, token }, [5, 200])
      const input = {
        Filters: toFilters(filters, filterRules, toIdFilter('volume-id', ids)),
        ...page
      }
      const [{ items, next = null }, modifying] = await Promise.all([
        readPage(client, 'DescribeVolumes', 'Volumes', input, call),
        readModifying(call)
      ])
      return { items: items.map((volume) => toItem(volume, modifying, extra)), next }
    },

    get: (id, { extra }, call) => get(id, extra, call),

    ...createVolumeCreate(cloud, defaultZone, recent),

    async update (id, labels, call) {
      checkEc2Tags(labels.tags)
      return runSteps(labelSteps(cloud, id, labels, call), () => get(id, false, call))
    },

    async destroy (id, call) {
      await client.change('DeleteVolume', { VolumeId: id }, call)
      return toDeletion('volume', id)
    },

    ...createVolumeActions(cloud, read)
  }
}

/** Whether the account, or the cloud, cannot list modifications. Volumes are shown without them. */
const isUnavailable = (error: unknown) =>
  isProblem(error, 'provider_permission_denied', 'not_supported')
