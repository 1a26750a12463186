import type { Image, Snapshot, Volume } from '../../../openapi/model/index.ts'
import type { Context, ServiceName } from '../../driver.ts'
import { commonOf } from '../records.ts'
import { imageState, snapshotState, volumeState } from './states.ts'
import type { StoredImage, StoredSnapshot, StoredVolume } from './stored.ts'

/** The owner of every image that is not built in: the one account of this cloud. */
const owner = 'account'

function attachmentsOf ({ attachment, status }: StoredVolume): Volume['attachments'] {
  if (attachment === null) return []
  const state = volumeState(status)
  const passing = state === 'creating' || state === 'attaching' || state === 'detaching'
  return [{ node_id: attachment.node_id, device: attachment.device, state: passing ? state : 'in_use' }]
}

/** Makes model objects of what is stored. */
export function createStorageViews (context: Context, location: string) {
  const common = (service: ServiceName, data: StoredVolume | StoredSnapshot | StoredImage) =>
    ({ ...commonOf(context, service, location, data), provider_state: data.status })

  return {
    volume: (data: StoredVolume): Volume => ({
      ...common('volumes', data),
      state: volumeState(data.status),
      size: data.size,
      type: data.type,
      iops: null,
      encrypted: false,
      bootable: data.bootable,
      availability_zone: data.availability_zone,
      attachments: attachmentsOf(data),
      snapshot_id: data.snapshot_id,
      image_id: data.image_id
    }),
    snapshot: (data: StoredSnapshot): Snapshot => ({
      ...common('snapshots', data),
      state: snapshotState(data.status),
      volume_id: data.volume_id,
      size: data.size,
      progress: data.progress,
      description: data.description
    }),
    image: (data: StoredImage): Image => ({
      ...common('images', data),
      state: imageState(data.status),
      min_ram: data.min_ram,
      min_disk: data.min_disk,
      size_bytes: data.size_bytes,
      architecture: data.architecture,
      os: data.os,
      visibility: data.visibility as Image['visibility'],
      owner,
      is_snapshot: data.is_snapshot
    })
  }
}

export type StorageViews = ReturnType<typeof createStorageViews>
