import type { Snapshot as RawSnapshot } from '@aws-sdk/client-ec2'
import type { Snapshot, SnapshotState } from '../../../openapi/model/index.ts'
import { describe, type Identity, type SnapshotService } from '../../driver.ts'
import { runSteps } from '../../common/steps.ts'
import {
  acceptCreation,
  checkEc2Tags,
  createCollection,
  exactRule,
  filterNames,
  labelSteps,
  nameRule,
  readPage,
  tagLimits,
  tagRefusal,
  toCommonFields,
  toDeletion,
  toOperationFilter,
  toRefs,
  toStatuses,
  toTagParameters,
  type Cloud
} from '../client/index.ts'

/** A `recovering` snapshot is leaving the recycle bin. */
const states: Readonly<Record<string, SnapshotState>> = {
  pending: 'creating',
  completed: 'available',
  error: 'error',
  recovering: 'restoring',
  recoverable: 'deleted'
}

const filterRules = {
  name: nameRule,
  state: { name: 'status', toValues: (state: string) => toStatuses(states, state) },
  volume_id: exactRule('volume-id')
}

export const snapshotCapabilities = describe<SnapshotService>({
  list: { filters: filterNames(filterRules), limits: { limit: 200 } },
  create: { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

const createRefusals = [{ pattern: /^InvalidVolume/, pointer: '/volume_id' }, tagRefusal]

/** Maps an EBS snapshot. */
export function toSnapshot (raw: RawSnapshot, identity: Identity, extra: boolean): Snapshot {
  const progress = parseInt(raw.Progress ?? '', 10)
  return {
    ...toCommonFields(raw, identity, raw.State),
    state: states[raw.State ?? ''] ?? 'unknown',
    created_at: raw.StartTime?.toISOString() ?? null,
    volume_id: raw.VolumeId ?? null,
    size: raw.VolumeSize ?? null,
    progress: Number.isNaN(progress) ? null : progress,
    description: raw.Description || null,
    extra: extra ? { ...raw } : undefined
  }
}

/** Excludes the public snapshots of other accounts. */
const owners = { OwnerIds: ['self'] }

/** EBS snapshots of the account. */
export function createSnapshots (cloud: Cloud): SnapshotService {
  const { client, dialect } = cloud
  const identify = cloud.identify('snapshots')

  const { service, recent } = createCollection<RawSnapshot, Snapshot>({
    cloud,
    itemName: 'snapshot',
    idKey: 'SnapshotId',
    idFilter: 'snapshot-id',
    read ({ ids, ...request }, call) {
      const input = ids === undefined ? { ...request, ...owners } : { SnapshotIds: ids }
      return readPage(client, 'DescribeSnapshots', 'Snapshots', input, call)
    },
    pageSizes: [5, 200],
    filterRules,
    map: async (raws, extra) =>
      raws.map((raw) => toSnapshot(raw, identify(raw.SnapshotId ?? ''), extra))
  })

  const findCreated: SnapshotService['findCreated'] = async ({ id }, _since, call) => {
    const input = { ...owners, Filters: [toOperationFilter(id)] }
    const { Snapshots: snapshots = [] } = await client.read('DescribeSnapshots', input, call)
    return toRefs('snapshot', snapshots.map(({ SnapshotId: snapshot }) => snapshot))
  }

  return {
    ...service,

    /** CreateSnapshot has no ClientToken; a lost snapshot is found by its tag. */
    async create ({ volume_id: volume, name, description, tags }, call) {
      checkEc2Tags(tags)
      const labels = { name, tags, operation: call.operation }
      const input = {
        VolumeId: volume,
        Description: description,
        ...toTagParameters(cloud, 'snapshot', labels)
      }
      const { SnapshotId: id } = await client.change('CreateSnapshot', input, call, {
        refusals: createRefusals
      })
      return acceptCreation(cloud, recent, { kind: 'snapshot', id, labels }, call)
    },

    // Without the tag of the operation, a lost snapshot cannot be found.
    findCreated: dialect.tagsOnCreate ? findCreated : undefined,

    async update (id, labels, call) {
      checkEc2Tags(labels.tags)
      const steps = labelSteps(cloud, id, labels, call)
      return runSteps(steps, () => service.get(id, { extra: false }, call))
    },

    async destroy (id, call) {
      await client.change('DeleteSnapshot', { SnapshotId: id }, call)
      return toDeletion('snapshot', id)
    }
  }
}
