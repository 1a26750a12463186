import type { FieldError, VolumeCreate } from '../../../openapi/model/index.ts'
import { zonesOf } from '../catalog.ts'
import { field, refuse } from '../refusal.ts'
import type { Store } from '../store.ts'
import { findImage } from './find-image.ts'
import { defaultType, typeNames } from './types.ts'

const number = (value: number | undefined) => value ?? Infinity

function snapshotErrors ({ snapshots }: Store, { snapshot_id: id, image_id: imageId, size }: VolumeCreate): FieldError[] {
  if (id === undefined) return []
  const snapshot = snapshots.find(id)?.data
  if (snapshot === undefined) return [field('/snapshot_id', 'must be the id of a snapshot of this cloud')]
  return [
    ...(imageId === undefined ? [] : [field('/image_id', 'must not stand beside snapshot_id')]),
    ...(snapshot.status === 'available' ? [] : [field('/snapshot_id', 'must be a snapshot that is available')]),
    ...(number(size) >= snapshot.size ? [] : [field('/size', `must be ${snapshot.size} GiB or more for this snapshot`)])
  ]
}

/** What is wrong with an image to be written on a volume of this size. */
export function volumeImageErrors (store: Store, id: string, size: number | undefined, sizePointer = '/size'): FieldError[] {
  const image = findImage(store, id)
  if (image === undefined) return [field('/image_id', 'must be the id of an image of this cloud')]
  return [
    ...(image.usable ? [] : [field('/image_id', 'must be an image that is available')]),
    ...(number(size) >= image.min_disk ? [] : [field(sizePointer, `must be ${image.min_disk} GiB or more for this image`)])
  ]
}

/** What is wrong with the name of a volume type. */
export const typeErrors = (type: string | undefined, pointer = '/type'): FieldError[] =>
  type === undefined || typeNames.has(type) ? [] : [field(pointer, `must be one of ${[...typeNames].join(', ')}`)]

/** Throws validation_failed with every field at fault. */
export function checkVolume (store: Store, input: VolumeCreate, location: string) {
  const { size, image_id: imageId, snapshot_id: snapshotId, availability_zone: zone } = input
  refuse([
    // As the schema of the API has it; who calls this directly may forget both.
    ...(size === undefined && snapshotId === undefined ? [field('/size', 'must be given where there is no snapshot_id')] : []),
    ...typeErrors(input.type),
    ...snapshotErrors(store, input),
    ...(imageId === undefined ? [] : volumeImageErrors(store, imageId, size)),
    ...(zone === undefined || zonesOf(location).includes(zone) ? [] : [field('/availability_zone', 'must be the id of a zone of this cloud')])
  ])
}

/** What a new volume is like, as far as that depends on what it is made from. */
export function originOf ({ snapshots, volumes }: Store, { size, type, snapshot_id: snapshotId, image_id: imageId }: VolumeCreate) {
  const snapshot = snapshotId === undefined ? undefined : snapshots.find(snapshotId)!.data
  // A volume is there for as long as it has snapshots.
  const source = snapshot === undefined ? undefined : volumes.find(snapshot.volume_id)?.data
  return {
    size: size ?? snapshot!.size,
    type: type ?? source?.type ?? defaultType,
    bootable: imageId !== undefined || (source?.bootable ?? false),
    snapshot_id: snapshotId ?? null,
    image_id: imageId ?? null
  }
}
