import type { CapabilityDetails } from '../driver.ts'
import type { Dialect } from './client/cloud.ts'
import { imageFilters } from './compute/images.ts'
import { snapshotFilters } from './storage/snapshots.ts'
import { volumeFilters } from './storage/volumes.ts'

const page = { limit: 200 }
const tags = { tag_characters: 256 }

/** What there is to say of the capabilities of volumes, snapshots, images, sizes and key pairs. */
export const storageDetailsOf = ({ keyTypes }: Dialect): Readonly<Record<string, CapabilityDetails>> => ({
  'volumes.list': { filters: volumeFilters, limits: page },
  'volumes.create': { parameters: ['name', 'size', 'type', 'snapshot_id', 'availability_zone', 'iops', 'encrypted', 'tags'], limits: tags },
  'volumes.update': { parameters: ['name', 'tags'], limits: tags },
  'volumes.attach': { parameters: ['node_id', 'device'] },
  'volumes.detach': { parameters: ['node_id'] },
  'volumes.extend': { parameters: ['size'] },
  'snapshots.list': { filters: snapshotFilters, limits: page },
  'snapshots.create': { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tags },
  'snapshots.update': { parameters: ['name', 'tags'], limits: tags },
  'images.list': { filters: imageFilters, limits: page },
  'images.create': { parameters: ['name', 'node_id', 'tags'], limits: tags },
  'images.update': { parameters: ['tags', 'visibility'], limits: tags },
  'images.destroy': { parameters: ['delete_snapshots'] },
  'key_pairs.create': { parameters: ['name', 'public_key', ...(keyTypes ? ['type'] : [])] }
})
