import type { Image as Ami } from '@aws-sdk/client-ec2'
import { ProblemError, type Image, type ImageCreate, type ImageDestroy, type ImageUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Change, ImageService, LostCreate, ResourceRef } from '../../driver.ts'
import { invalid } from '../../invalid.ts'
import { runSteps, step } from '../../steps.ts'
import { checkTags, operationKey } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { malformed } from '../client/errors.ts'
import { isMissing, type Fresh } from '../client/consistency.ts'
import { snapshotsOf } from './image-mapping.ts'
import { explainFields, type RefusedField } from '../client/refusals.ts'
import { ec2Tags, patchTags, tagCreated, tagSpecifications } from '../client/tags.ts'

/** Refusals of CreateImage, by Amazon's list of error codes. */
const createFields: readonly RefusedField[] = [
  { code: /^InvalidInstanceID/, pointer: '/node_id' },
  { code: /^InvalidAMIName\.Malformed/, pointer: '/name' },
  { code: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
]

export interface ImageChangesOptions {
  cloud: Cloud
  fresh: Fresh
  read: (id: string, call: Call) => Promise<Ami>
  get: (id: string, call: Call) => Promise<Image>
}

/** Images of nodes, and their changes. The name of one is the cloud's, and stays. */
export function createImageChanges ({ cloud, fresh, read, get }: ImageChangesOptions): Partial<ImageService> {
  const { client, dialect } = cloud

  /** The node goes on meanwhile, as at other clouds: its disk is kept as a loss of power would leave it. */
  const create = async ({ name, node_id: node, tags = {} }: ImageCreate, call: Call): Promise<Change> => {
    checkTags(tags, ec2Tags)
    const labels = { tags, operation: call.operation }
    const asked = { InstanceId: node, Name: name, NoReboot: true, ...tagSpecifications(cloud, ['image'], labels) }
    try {
      const { ImageId: id } = await client.change((sdk) => new sdk.CreateImageCommand(asked), call)
      if (id === undefined) throw malformed('The cloud answered without an image', false)
      fresh.note([id])
      await tagCreated(cloud, [id], labels, call)
      return { resources: [{ kind: 'image', id }], until: { states: ['available'] } }
    } catch (error) {
      throw explainFields(error, createFields)
    }
  }

  const findCreated = async ({ id }: LostCreate<ImageCreate>, _since: Date, call: Call): Promise<ResourceRef[]> => {
    const input = { Owners: ['self'], Filters: [{ Name: `tag:${operationKey}`, Values: [id] }] }
    const { Images: found = [] } = await client.read((sdk) => new sdk.DescribeImagesCommand(input), call)
    return found.flatMap(({ ImageId: made }): ResourceRef[] => made === undefined ? [] : [{ kind: 'image', id: made }])
  }

  /** Accounts that an image is shared with keep it when it is no longer public. */
  const setVisibility = (id: string, visibility: NonNullable<ImageUpdate['visibility']>, call: Call) => {
    const all = [{ Group: 'all' as const }]
    const permission = visibility === 'public' ? { Add: all } : { Remove: all }
    return client.change((sdk) => new sdk.ModifyImageAttributeCommand({ ImageId: id, LaunchPermission: permission }), call, { token: true })
  }

  /** What another image needs stays. */
  const deleteSnapshot = async (id: string, image: string, call: Call) => {
    try {
      await client.change((sdk) => new sdk.DeleteSnapshotCommand({ SnapshotId: id }), call)
    } catch (error) {
      if (isMissing(error)) return
      if (!(error instanceof ProblemError)) throw error
      if (error.code === 'in_use') return call.log.warn({ image, snapshot: id }, 'a snapshot of an image stays: something else uses it')
      throw new ProblemError(error.code, `Image ${image} was deleted, but not its snapshot ${id}: ${error.message}`, {
        ...error.details, cause: error, outcomeUnknown: false
      })
    }
  }

  return {
    create,
    ...(dialect.tagsOnCreate ? { findCreated } : {}),

    async update (id: string, { tags, visibility }: ImageUpdate, call: Call): Promise<Image> {
      checkTags(tags ?? {}, ec2Tags)
      if (visibility === 'shared' || visibility === 'community') throw invalid('/visibility', 'must be public or private at this cloud')
      const steps = [
        ...step('tags', tags, (value) => patchTags(cloud, id, value, call)),
        ...step('visibility', visibility, (value) => setVisibility(id, value, call))
      ]
      return runSteps(steps, () => get(id, call), async (error) => error)
    },

    async destroy (id: string, call: Call, { delete_snapshots: withSnapshots = false }: ImageDestroy = {}): Promise<Change> {
      const snapshots = withSnapshots ? snapshotsOf(await read(id, call)) : []
      await client.change((sdk) => new sdk.DeregisterImageCommand({ ImageId: id }), call)
      for (const snapshot of snapshots) await deleteSnapshot(snapshot, id, call)
      return { resources: [{ kind: 'image', id }], until: { states: [], gone: true } }
    }
  }
}
