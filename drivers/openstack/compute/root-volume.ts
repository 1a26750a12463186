import type { NodeCreate } from '../../../openapi/model/index.ts'

/** How the cloud is asked to boot from a volume that it makes of the image. */
export interface RootDisk {
  imageRef: string
  block_device_mapping_v2?: object[]
}

/**
 * The disk that a server boots from: the image itself, or a volume made of it. Such a volume goes with its node unless
 * that is refused, as on clouds that have no other root disks. Undefined where a size is missing, which Nova needs.
 */
export function rootDisk ({ image_id: image, root_volume: volume }: NodeCreate): RootDisk | undefined {
  if (volume === undefined) return { imageRef: image }
  if (volume.size === undefined) return undefined
  return {
    // Nova takes the image from the mapping, and wants no other.
    imageRef: '',
    block_device_mapping_v2: [{
      boot_index: 0,
      uuid: image,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: volume.size,
      delete_on_termination: volume.delete_on_termination ?? true,
      ...(volume.type === undefined ? {} : { volume_type: volume.type })
    }]
  }
}
