import type { Image as RawImage } from '@aws-sdk/client-ec2'
import { ProblemError, type Image, type ImageUpdate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { ImageService } from '../../driver.ts'
import { invalid } from '../../common/invalid.ts'
import { runSteps, step } from '../../common/steps.ts'
import {
  acceptCreation,
  checkEc2Tags,
  ignoreMissing,
  labelSteps,
  tagRefusal,
  toDeletion,
  toOperationFilter,
  toRefs,
  toTagParameters,
  type Cloud,
  type RecentIds
} from '../client/index.ts'
import { snapshotsOf } from './image-mapping.ts'

/** Refusals of CreateImage, from Amazon's list of error codes. */
const createRefusals = [
  { pattern: /^InvalidInstanceID/, pointer: '/node_id' },
  { pattern: /^InvalidAMIName\.Malformed/, pointer: '/name' },
  tagRefusal
]

export interface ImageChangesOptions {
  cloud: Cloud
  recent: RecentIds
  read: (id: string, call: Call) => Promise<RawImage>
  get: (id: string, call: Call) => Promise<Image>
}

type ImageChanges = Pick<ImageService, 'create' | 'findCreated' | 'update' | 'destroy'>

/** Creates, changes and deletes images. The name of an image belongs to the cloud and cannot be changed. */
export function createImageChanges (
  { cloud, recent, read, get }: ImageChangesOptions
): ImageChanges {
  const { client, dialect } = cloud

  /** Accounts with which an image is shared keep it after it stops being public. */
  const setVisibility = (id: string, visibility: ImageUpdate['visibility'], call: Call) => {
    const everybody = [{ Group: 'all' as const }]
    const permission = visibility === 'public' ? { Add: everybody } : { Remove: everybody }
    const input = { ImageId: id, LaunchPermission: permission }
    return client.change('ModifyImageAttribute', input, call, { idempotent: true })
  }

  /** Deletes a snapshot of a deleted image, unless another image needs it. */
  const deleteSnapshot = async (id: string, image: string, call: Call) => {
    try {
      await ignoreMissing(client.change('DeleteSnapshot', { SnapshotId: id }, call))
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      if (error.code === 'in_use') {
        call.log.warn(
          { image, snapshot: id },
          'the snapshot of a deleted image is in use and was not deleted'
        )
        return
      }
      const detail = `Image ${image} was deleted, but not its snapshot ${id}: ${error.message}`
      throw error.with({ detail, outcomeUnknown: false })
    }
  }

  const findCreated: ImageService['findCreated'] = async ({ id }, _since, call) => {
    const input = { Owners: ['self'], Filters: [toOperationFilter(id)] }
    const { Images: images = [] } = await client.read('DescribeImages', input, call)
    return toRefs('image', images.map(({ ImageId: image }) => image))
  }

  return {
    // Without the tag of the operation, a lost image cannot be found.
    findCreated: dialect.tagsOnCreate ? findCreated : undefined,

    /** The node keeps running. Its disk is copied as a power failure would leave it, as at other clouds. */
    async create ({ name, node_id: node, tags }, call) {
      checkEc2Tags(tags)
      const labels = { tags, operation: call.operation }
      const input = {
        InstanceId: node,
        Name: name,
        NoReboot: true,
        ...toTagParameters(cloud, 'image', labels)
      }
      const { ImageId: id } = await client.change('CreateImage', input, call, {
        refusals: createRefusals
      })
      return acceptCreation(cloud, recent, { kind: 'image', id, labels }, call)
    },

    async update (id, { tags, visibility }, call) {
      checkEc2Tags(tags)
      if (visibility === 'shared' || visibility === 'community') {
        throw invalid('/visibility', 'must be public or private at this cloud')
      }
      const steps = [
        ...labelSteps(cloud, id, { tags }, call),
        ...step('visibility', visibility, (value) => setVisibility(id, value, call))
      ]
      return runSteps(steps, () => get(id, call))
    },

    async destroy (id, call, { delete_snapshots: deletesSnapshots = false } = {}) {
      const snapshots = deletesSnapshots ? snapshotsOf(await read(id, call)) : []
      await client.change('DeregisterImage', { ImageId: id }, call)
      for (const snapshot of snapshots) await deleteSnapshot(snapshot, id, call)
      return toDeletion('image', id)
    }
  }
}
