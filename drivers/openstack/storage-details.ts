import type { CapabilityDetails } from '../driver.ts'
import { imageFilters } from './image/images.ts'
import { snapshotFilters } from './storage/snapshots.ts'
import { volumeFilters } from './storage/volumes.ts'

const page = { limit: 1000 }
const tags = { tag_characters: 255 }
const file = ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture']

/** What there is to say of the capabilities of volumes, their snapshots and images. */
export const storageDetails: Readonly<Record<string, CapabilityDetails>> = {
  'volumes.list': { filters: volumeFilters, limits: page },
  'volumes.create': { parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'availability_zone', 'tags'], limits: tags },
  'volumes.update': { parameters: ['name', 'tags'], limits: tags },
  'volumes.attach': { parameters: ['node_id', 'device'] },
  'volumes.detach': { parameters: ['node_id'] },
  'volumes.extend': { parameters: ['size'] },
  'volume_types.list': { limits: page },
  'snapshots.list': { filters: snapshotFilters, limits: page },
  'snapshots.create': { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tags },
  'snapshots.update': { parameters: ['name', 'tags'], limits: tags },
  'images.list': { filters: imageFilters, limits: page },
  'images.create': { parameters: ['name', 'node_id', 'tags'], limits: tags },
  'images.update': { parameters: ['name', 'tags', 'visibility'], limits: tags },
  'images.upload': { parameters: file },
  'images.import': { parameters: [...file, 'url', 'tags'], limits: tags }
}
