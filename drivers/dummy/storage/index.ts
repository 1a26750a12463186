import type { Image } from '../../../openapi/model/index.ts'
import type { CapabilityDetails, Context, Services } from '../../driver.ts'
import { mostTags } from '../tags.ts'
import { createReads } from '../page.ts'
import { quotasOf } from '../quota.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import { mostVolumes } from './attachments.ts'
import { createImages } from './images.ts'
import { createSnapshots } from './snapshots.ts'
import { createTypes } from './types.ts'
import { createStorageViews } from './view.ts'
import { createVolumes } from './volumes.ts'

/** What the ids of each service look like. */
export const storageIds = { volumes: /^vol-[0-9a-f]{8}$/, volume_types: /^[a-z]+$/, snapshots: /^snap-[0-9a-f]{8}$/ }

const tags = { limits: { tags: mostTags } }
const file = ['name', 'disk_format', 'min_ram', 'min_disk', 'architecture']

/** What the services of storage can do. */
export const storageDetails: Record<string, CapabilityDetails> = {
  'volumes.create': { parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'availability_zone', 'tags'], ...tags },
  'volumes.update': { parameters: ['name', 'tags'], ...tags },
  'volumes.attach': { parameters: ['node_id', 'device'], limits: { volumes_per_node: mostVolumes } },
  'volumes.detach': { parameters: ['node_id'] },
  'volumes.extend': { parameters: ['size'] },
  'snapshots.create': { parameters: ['volume_id', 'name', 'description', 'tags'], ...tags },
  'snapshots.update': { parameters: ['name', 'tags'], ...tags },
  'images.create': { parameters: ['name', 'node_id', 'tags'], ...tags },
  'images.upload': { parameters: file },
  'images.import': { parameters: [...file, 'url', 'tags'], ...tags },
  'images.update': { parameters: ['name', 'tags', 'visibility'], ...tags }
}

/** The services of storage, and the quotas of everything. */
export function createStorage (settings: Settings, context: Context, state: State, builtIn: readonly Image[]) {
  const { location, page_size: pageSize, quotas } = settings
  const views = createStorageViews(context, location)
  return {
    images: createImages(settings, context, state, builtIn, views),
    volumes: createVolumes(settings, state, views),
    volume_types: createReads(createTypes(context, location), 'volume type', pageSize),
    snapshots: createSnapshots(settings, state, views),
    quotas: { list: async () => quotasOf(quotas, await state.open()) }
  } satisfies Services
}
