import type { CapabilityDetails } from '../driver.ts'
import { snapshotFilters } from './snapshots.ts'
import { volumeFilters } from './volumes.ts'

const page = { limit: 1000 }
const tags = { tag_characters: 255 }

/** What there is to say of the capabilities of volumes and their snapshots. */
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
  'snapshots.update': { parameters: ['name', 'tags'], limits: tags }
}
