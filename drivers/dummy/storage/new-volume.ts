import type { FieldError, VolumeCreate } from '../../../openapi/model/index.ts'
import {
  defaultVolumeType, errorUnless, fieldError, mustBeIdOf, rejectFields, volumeTypeNames, zonesOf, type Store
} from '../engine/index.ts'
import { findImage } from './find-image.ts'

function snapshotErrors ({ snapshots }: Store, input: VolumeCreate): FieldError[] {
  const { snapshot_id: id, image_id: imageId, size = Infinity } = input
  if (id === undefined) return []
  const snapshot = snapshots.find(id)?.data
  if (snapshot === undefined) return [fieldError('/snapshot_id', mustBeIdOf('a snapshot'))]
  return [
    errorUnless(imageId === undefined, '/image_id', 'cannot be combined with snapshot_id'),
    errorUnless(
      snapshot.status === 'available', '/snapshot_id', 'must be a snapshot that is available'
    ),
    errorUnless(
      size >= snapshot.size, '/size', `must be ${snapshot.size} GiB or more for this snapshot`
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
      size >= image.min_disk, '/size', `must be ${image.min_disk} GiB or more for this image`
    )
  ].flat()
}

export const volumeTypeErrors = (type = defaultVolumeType, pointer = '/type') =>
  errorUnless(
    volumeTypeNames.includes(type), pointer, `must be one of ${volumeTypeNames.join(', ')}`
  )

export function checkVolume (store: Store, input: VolumeCreate, location: string) {
  const { size, snapshot_id: snapshotId, availability_zone: zone = `${location}-a` } = input
  rejectFields([
    // The schema of the API requires one of them; other callers can omit both.
    errorUnless(
      size !== undefined || snapshotId !== undefined, '/size', 'is required without snapshot_id'
    ),
    volumeTypeErrors(input.type),
    snapshotErrors(store, input),
    imageErrors(store, input),
    errorUnless(zonesOf(location).includes(zone), '/availability_zone', mustBeIdOf('a zone'))
  ].flat())
}

/** Returns the fields of a new volume that depend on its snapshot or image. */
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
