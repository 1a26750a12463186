import type { Volume, VolumeType } from '../../openapi/model/index.ts'
import {
  describe,
  type Identity,
  type ReadService,
  type SnapshotService,
  type VolumeService
} from '../driver.ts'
import { invalid } from '../common/invalid.ts'
import {
  bind,
  cinder,
  cinderSnapshotCapabilities,
  cinderV1,
  createVolumes as createCinderVolumes,
  toVolumeType,
  type CinderType,
  type Client
} from '../openstack/public.ts'
import { pointerOf } from '../common/tags.ts'

export const capabilities = describe<VolumeService>({
  list: { filters: ['name'], limits: { limit: 1000 } },
  create: {
    parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'tags'],
    limits: { tag_characters: 255 }
  },
  update: { parameters: ['name', 'tags'], limits: { tag_characters: 255 } },
  attach: { parameters: ['node_id', 'device'] },
  detach: { parameters: ['node_id'] }
})

/** Version 1 of Cinder filters snapshots only by name. */
export const snapshotCapabilities = {
  ...cinderSnapshotCapabilities,
  ...describe<SnapshotService>({ list: { filters: ['name'], limits: { limit: 1000 } } })
}

/**
 * The metadata key in which Cloud Block Storage keeps the place of a volume, beside the keys of the
 * user.
 */
const placeKey = 'storage-node'

function withoutPlace (volume: Volume): Volume {
  const { [placeKey]: _, ...tags } = volume.tags
  return placeKey in volume.tags ? { ...volume, tags } : volume
}

function checkTags (tags: Readonly<Record<string, string | null>> = {}) {
  if (placeKey in tags) throw invalid(pointerOf(placeKey), 'is kept by the cloud and cannot be set')
}

/** Volumes of Cloud Block Storage, which is Cinder v1. They cannot be extended. */
export function createVolumes (client: Client, identify: (id: string) => Identity): VolumeService {
  const { extend: _, ...volumes } = createCinderVolumes(client, identify, cinderV1)
  return {
    ...volumes,
    async list (query, call) {
      const { items, ...page } = await volumes.list(query, call)
      return { ...page, items: items.map(withoutPlace) }
    },
    get: async (id, options, call) => withoutPlace(await volumes.get(id, options, call)),
    async create (input, call) {
      checkTags(input.tags)
      return volumes.create!(input, call)
    },
    async update (id, patch, call) {
      checkTags(patch.tags)
      return withoutPlace(await volumes.update!(id, patch, call))
    }
  }
}

/** The type of a volume that names none, by Rackspace's guide. */
const defaultType = 'SATA'

/** Volume types of Cloud Block Storage: SATA and SSD. Their list has one page. */
export function createVolumeTypes (
  client: Client,
  identify: (id: string) => Identity
): ReadService<VolumeType> {
  const types = bind<CinderType>(client, cinder.type, { service: 'volume' })
  const convert = (type: CinderType, extra: boolean) =>
    toVolumeType(type, type.name === defaultType, identify(String(type.id)), extra)

  return {
    async list ({ extra }, call) {
      const { items } = await types.list({}, call)
      return { items: items.map((type) => convert(type, extra)), next: null }
    },
    get: async (id, { extra }, call) => convert(await types.show(id, call), extra)
  }
}
