import type { FieldError, NodeCreate, VolumeCreate } from '../../../openapi/model/index.ts'
import {
  defaultVolumeType,
  errorUnless,
  fieldError,
  mustBeIdOf,
  rejectFields,
  scheduleSteps,
  sizes,
  volumeTypeNames,
  zonesOf,
  type NodeRecord,
  type Store
} from '../engine/index.ts'
import { rootAttachment } from './attachments.ts'
import { findImage } from './find-image.ts'

function snapshotErrors ({ snapshots }: Store, input: VolumeCreate): FieldError[] {
  const { snapshot_id: id, image_id: imageId, size = Infinity } = input
  if (id === undefined) return []
  const snapshot = snapshots.find(id)?.data
  if (snapshot === undefined) return [fieldError('/snapshot_id', mustBeIdOf('a snapshot'))]
  return [
    errorUnless(imageId === undefined, '/image_id', 'cannot be combined with snapshot_id'),
    errorUnless(
      snapshot.status === 'available',
      '/snapshot_id',
      'must be a snapshot that is available'
    ),
    errorUnless(
      size >= snapshot.size,
      '/size',
      `must be ${snapshot.size} GiB or more for this snapshot`
    )
  ].flat()
}

function imageErrors (store: Store, { image_id: id, size = Infinity }: VolumeCreate): FieldError[] {
  if (id === undefined) return []
  const image = findImage(store, id)
  if (image === undefined) return [fieldError('/image_id', mustBeIdOf('an image'))]
  return [
    errorUnless(image.isAvailable, '/image_id', 'must be an image that is available'),
    errorUnless(
      size >= image.min_disk,
      '/size',
      `must be ${image.min_disk} GiB or more for this image`
    )
  ].flat()
}

export const volumeTypeErrors = (type = defaultVolumeType, pointer = '/type') =>
  errorUnless(
    volumeTypeNames.includes(type),
    pointer,
    `must be one of ${volumeTypeNames.join(', ')}`
  )

export function checkVolume (store: Store, input: VolumeCreate, location: string) {
  const { size, snapshot_id: snapshotId, availability_zone: zone = `${location}-a` } = input
  rejectFields([
    // The schema of the API requires one of them; other callers can omit both.
    errorUnless(
      size !== undefined || snapshotId !== undefined,
      '/size',
      'is required without snapshot_id'
    ),
    volumeTypeErrors(input.type),
    snapshotErrors(store, input),
    imageErrors(store, input),
    errorUnless(zonesOf(location).includes(zone), '/availability_zone', mustBeIdOf('a zone'))
  ].flat())
}

export function originOf ({ snapshots, volumes }: Store, input: VolumeCreate) {
  const { size, type, snapshot_id: snapshotId, image_id: imageId } = input
  const snapshot = snapshots.find(snapshotId ?? '')?.data
  // The volume exists as long as it has snapshots.
  const source = snapshot && volumes.find(snapshot.volume_id)?.data
  return {
    size: size ?? snapshot!.size,
    type: type ?? source?.type ?? defaultVolumeType,
    bootable: imageId !== undefined || (source?.bootable ?? false),
    snapshot_id: snapshotId ?? null,
    image_id: imageId ?? null
  }
}

export function rootVolumeErrors (
  store: Store,
  { root_volume: root, image_id: imageId }: NodeCreate
): FieldError[] {
  if (root === undefined) return []
  const minSize = findImage(store, imageId)?.min_disk ?? 0
  const isLargeEnough = (root.size ?? Infinity) >= minSize
  return [
    ...errorUnless(
      isLargeEnough,
      '/root_volume/size',
      `must be ${minSize} GiB or more for this image`
    ),
    ...volumeTypeErrors(root.type, '/root_volume/type')
  ]
}

/** Returns the GiB of a root volume. The default is the disk of the size, or more if the image needs it. */
const sizeOf = (
  store: Store,
  { root_volume: root, image_id: imageId, size_id: sizeId }: NodeCreate
) =>
  root?.size ?? Math.max(1, sizes.get(sizeId)?.disk ?? 0, findImage(store, imageId)?.min_disk ?? 0)

export const rootVolumeDemand = (store: Store, input: NodeCreate, count: number) =>
  input.root_volume === undefined
    ? {}
    : { volumes: count, volume_storage: count * sizeOf(store, input) }

/** Adds the root volume of a new node, which is attached when the node runs. */
export function addRootVolume (store: Store, node: NodeRecord, input: NodeCreate, seconds: number) {
  const {
    type = defaultVolumeType,
    delete_on_termination: isDeleted = true
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
