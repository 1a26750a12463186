import type { Volume } from '../../openapi/model/index.ts'
import type { Identity, VolumeService } from '../driver.ts'
import { invalid } from '../invalid.ts'
import { cinderV1, createVolumes as createCinderVolumes, type Client } from '../openstack/public.ts'
import { pointerOf } from '../tags.ts'

/** Where Cloud Block Storage writes the place of a volume: into its metadata, beside what the user has there. */
const place = 'storage-node'

function withoutPlace (volume: Volume): Volume {
  if (volume.tags[place] === undefined) return volume
  const { [place]: _, ...tags } = volume.tags
  return { ...volume, tags }
}

function checkPlace (tags: Readonly<Record<string, string | null>> = {}) {
  if (place in tags) throw invalid(pointerOf(place), 'is kept by the cloud and cannot be set')
}

/** Volumes of Cloud Block Storage, which is Cinder v1. They keep their size. */
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
      checkPlace(input.tags)
      return volumes.create!(input, call)
    },
    async update (id, patch, call) {
      checkPlace(patch.tags)
      return withoutPlace(await volumes.update!(id, patch, call))
    }
  }
}
