import type { Snapshot as EbsSnapshot } from '@aws-sdk/client-ec2'
import { ProblemError, type Snapshot, type SnapshotCreate, type SnapshotState, type SnapshotUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, Identity, ListQuery, ListResult, LostCreate, ReadOptions, ResourceRef, SnapshotService } from '../../driver.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags, operationKey } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { createFresh } from '../client/consistency.ts'
import { byName, nextOf, pageOf, pushDown, type Pushed } from '../client/lists.ts'
import { explainFields, type RefusedField } from '../client/refusals.ts'
import { ec2Tags, patchTags, readTags, rename, tagCreated, tagSpecifications } from '../client/tags.ts'

/** One that is being taken out of the recycle bin is `recovering`. */
const states: Readonly<Record<string, SnapshotState>> = {
  pending: 'creating', completed: 'available', error: 'error', recovering: 'restoring', recoverable: 'deleted'
}

const statusesOf = (state: string) => {
  const found = Object.entries(states).filter(([, ours]) => ours === state).map(([theirs]) => theirs)
  return found.length === 0 ? undefined : found
}

const filterNames: Readonly<Record<string, Pushed>> = {
  name: byName, state: { name: 'status', values: statusesOf }, volume_id: { name: 'volume-id' }
}
export const snapshotFilters = [...Object.keys(filterNames), 'tag']

const createFields: readonly RefusedField[] = [
  { code: /^InvalidVolume/, pointer: '/volume_id' }, { code: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
]

/** An EBS snapshot as a snapshot. */
export function toSnapshot (snapshot: EbsSnapshot, identity: Identity, extra: boolean): Snapshot {
  const { name, tags } = readTags(snapshot.Tags)
  const progress = parseInt(snapshot.Progress ?? '', 10)
  return {
    ...identity,
    name,
    state: states[snapshot.State ?? ''] ?? 'unknown',
    provider_state: snapshot.State ?? null,
    created_at: snapshot.StartTime?.toISOString() ?? null,
    updated_at: null,
    tags,
    volume_id: snapshot.VolumeId ?? null,
    size: snapshot.VolumeSize ?? null,
    progress: Number.isNaN(progress) ? null : progress,
    description: snapshot.Description === undefined || snapshot.Description === '' ? null : snapshot.Description,
    ...(extra ? { extra: { ...snapshot } } : {})
  }
}

const own = { OwnerIds: ['self'] }

/** EBS snapshots of the account. */
export function createSnapshots (cloud: Cloud): SnapshotService {
  const { client, dialect } = cloud
  const identify = cloud.identify('snapshots')
  const fresh = createFresh()

  const get = async (id: string, { extra }: ReadOptions, call: Call): Promise<Snapshot> => {
    const found = await fresh.read(id, call, async () => {
      const { Snapshots: [snapshot] = [] } = await client.read((sdk) => new sdk.DescribeSnapshotsCommand({ SnapshotIds: [id] }), call)
      if (snapshot === undefined) throw new ProblemError('resource_not_found', `There is no snapshot ${id}`)
      return snapshot
    })
    return toSnapshot(found, identify(found.SnapshotId ?? id), extra)
  }

  /** Amazon takes no token here: a lost one is found again by its tag. */
  const create = async (input: SnapshotCreate, call: Call): Promise<Change> => {
    checkTags(input.tags ?? {}, ec2Tags)
    const { volume_id: volume, description } = input
    const labels = { name: input.name, tags: input.tags, operation: call.operation }
    const asked = { VolumeId: volume, ...(description === undefined ? {} : { Description: description }), ...tagSpecifications(cloud, ['snapshot'], labels) }
    try {
      const { SnapshotId: id } = await client.change((sdk) => new sdk.CreateSnapshotCommand(asked), call)
      if (id === undefined) throw malformed('The cloud answered without a snapshot', false)
      fresh.note([id])
      await tagCreated(cloud, [id], labels, call)
      return { resources: [{ kind: 'snapshot', id }], until: { states: ['available'] } }
    } catch (error) {
      throw explainFields(error, createFields)
    }
  }

  const findCreated = async ({ id }: LostCreate<SnapshotCreate>, _since: Date, call: Call): Promise<ResourceRef[]> => {
    const input = { ...own, Filters: [{ Name: `tag:${operationKey}`, Values: [id] }] }
    const { Snapshots: found = [] } = await client.read((sdk) => new sdk.DescribeSnapshotsCommand(input), call)
    return found.flatMap(({ SnapshotId: made }): ResourceRef[] => made === undefined ? [] : [{ kind: 'snapshot', id: made }])
  }

  return {
    async list ({ limit, token, filters, extra }: ListQuery, call: Call): Promise<ListResult<Snapshot>> {
      const { applied, ...query } = pushDown(filters, filterNames)
      const input = { ...own, ...query, ...pageOf(cloud, { limit, token }, [5, 200]) }
      const { Snapshots: snapshots, NextToken: next } = await client.read((sdk) => new sdk.DescribeSnapshotsCommand(input), call)
      if (snapshots === undefined) throw malformed('The cloud answered without a list of snapshots')
      return { items: snapshots.map((one) => toSnapshot(one, identify(one.SnapshotId ?? ''), extra)), next: nextOf(next), applied }
    },

    get,
    create,
    ...(dialect.tagsOnCreate ? { findCreated } : {}),

    async update (id: string, { name, tags }: SnapshotUpdate, call: Call): Promise<Snapshot> {
      checkTags(tags ?? {}, ec2Tags)
      const steps = [
        ...step('name', name, (value) => rename(cloud, id, value, call)), ...step('tags', tags, (value) => patchTags(cloud, id, value, call))
      ]
      return runSteps(steps, () => get(id, { extra: false }, call), async (error) => error)
    },

    async destroy (id: string, call: Call): Promise<Change> {
      await client.change((sdk) => new sdk.DeleteSnapshotCommand({ SnapshotId: id }), call)
      return { resources: [{ kind: 'snapshot', id }], until: { states: [], gone: true } }
    }
  }
}
