import type { Image, Snapshot, Volume } from '../../../openapi/model/index.ts'
import type { Context, ServiceName } from '../../driver.ts'
import { imageState, snapshotState, volumeState } from './states.ts'
import type { StoredImage, StoredSnapshot, StoredVolume } from './stored.ts'

const iso = (ms: number) => new Date(ms).toISOString()

type Stored = StoredVolume | StoredSnapshot | StoredImage

/** What all have; the id of the operation stays inside. */
function createCommon ({ identify }: Context, location: string) {
  return (service: ServiceName, { id, name, status, created_at: createdAt, updated_at: updatedAt, tags }: Stored) => ({
    ...identify(service, id, location),
    name,
    provider_state: status,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
    tags
  })
}

/** The owner of every image that is not built in: the one account of this cloud. */
const owner = 'account'

function attachmentsOf ({ attachment, status }: StoredVolume): Volume['attachments'] {
  if (attachment === null) return []
  const state = volumeState(status)
  const passing = state === 'creating' || state === 'attaching' || state === 'detaching'
  return [{ node_id: attachment.node_id, device: attachment.device, state: passing ? state : 'in_use' }]
}

/** What makes model objects of what is stored. */
export function createStorageViews (context: Context, location: string) {
  const common = createCommon(context, location)
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

/** A stored thing as `extra` shows it: all of it but the id of the operation. */
export function rawOf ({ operation, ...raw }: Stored): Record<string, unknown> {
  return structuredClone(raw)
}
