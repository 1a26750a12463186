import type { Size } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Services } from '../../driver.ts'
import type { Cloud } from '../client/cloud.ts'
import { createImages } from '../compute/images.ts'
import { recommended, type Recommended } from '../compute/image-sources.ts'
import { createKeyPairs } from '../compute/key-pairs.ts'
import { createLocations } from '../compute/locations.ts'
import { createQuotas } from '../compute/quotas.ts'
import { createSizes } from '../compute/sizes.ts'
import { createSnapshots } from './snapshots.ts'
import { createVolumeTypes } from './volume-types.ts'
import { createVolumes } from './volumes.ts'
import { createZones } from '../compute/zones.ts'

export interface StorageOptions {
  /** Reads all sizes, which the clouds tell each in its own way. */
  readSizes: (call: Call) => Promise<Size[]>
  /** Images of others that are listed beside the own; Amazon's recommended ones where not given. */
  recommendedImages?: Recommended | undefined
  /** Whether it has Amazon's types of volumes. */
  volumeTypes: boolean
}

/** Catalog and storage: the services, whether there is a size, and how to forget what is kept of it. */
export function createStorage (cloud: Cloud, { readSizes, recommendedImages = recommended, volumeTypes }: StorageOptions) {
  const zones = createZones(cloud.client)
  const sizes = createSizes({ read: readSizes })
  const services = {
    images: createImages({ cloud, recommended: recommendedImages }),
    sizes: sizes.service,
    locations: createLocations(cloud, zones),
    key_pairs: createKeyPairs(cloud),
    volumes: createVolumes(cloud, zones),
    ...(volumeTypes ? { volume_types: createVolumeTypes(cloud) } : {}),
    snapshots: createSnapshots(cloud),
    quotas: createQuotas(cloud)
  } satisfies Services
  return {
    services,
    hasSize: sizes.has,
    forget () {
      sizes.forget()
      zones.forget()
    }
  }
}
