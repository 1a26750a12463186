import type { FieldError, NodeCreate } from '../../../openapi/model/index.ts'
import {
  defaultVolumeType, errorUnless, scheduleSteps, sizes, type NodeRecord, type Store
} from '../engine/index.ts'
import { rootAttachment } from './attachments.ts'
import { findImage } from './find-image.ts'
import { volumeTypeErrors } from './new-volume.ts'

export function rootVolumeErrors (
  store: Store, { root_volume: root, image_id: imageId }: NodeCreate
): FieldError[] {
  if (root === undefined) return []
  const minSize = findImage(store, imageId)?.min_disk ?? 0
  const isLargeEnough = (root.size ?? Infinity) >= minSize
  return [
    ...errorUnless(
      isLargeEnough, '/root_volume/size', `must be ${minSize} GiB or more for this image`
    ),
    ...volumeTypeErrors(root.type, '/root_volume/type')
  ]
}

/** Returns the GiB of a root volume. The default is the disk of the size, or more if the image needs it. */
const sizeOf = (
  store: Store, { root_volume: root, image_id: imageId, size_id: sizeId }: NodeCreate
) =>
  root?.size ?? Math.max(1, sizes.get(sizeId)?.disk ?? 0, findImage(store, imageId)?.min_disk ?? 0)

export const rootVolumeDemand = (store: Store, input: NodeCreate, count: number) =>
  input.root_volume === undefined
    ? {}
    : { volumes: count, volume_storage: count * sizeOf(store, input) }

/** Adds the root volume of a new node, which is attached when the node runs. */
export function addRootVolume (store: Store, node: NodeRecord, input: NodeCreate, seconds: number) {
  const {
    type = defaultVolumeType, delete_on_termination: isDeleted = true
  } = input.root_volume ?? {}
  const stages = ['creating', 'downloading', 'attaching'].map((status) => ({ status }))
  store.volumes.add({
    ...store.volumes.newRecord('vol'),
    steps: scheduleSteps(stages, { status: 'in-use' }, seconds),
    name: null,
    status: 'creating',
    tags: {},
    size: sizeOf(store, input),
    type,
    availability_zone: node.availability_zone,
    bootable: true,
    snapshot_id: null,
    image_id: input.image_id,
    attachment: rootAttachment(node.id, isDeleted)
  })
}
