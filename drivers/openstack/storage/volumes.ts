import type { Volume, VolumeCreate } from '../../../openapi/model/index.ts'
import { describe, type Identity, type VolumeService } from '../../driver.ts'
import { toExactName, type FilterRule } from '../../common/filters.ts'
import { operationKey } from '../../common/tags.ts'
import type { Client } from '../client/client.ts'
import { tagLimits } from '../client/tags.ts'
import { cinder, cinderV3, type Dialect } from './cinder.ts'
import { createCollection } from './collection.ts'
import { toVolume, type CinderVolume } from './mapping.ts'
import { explainVolume, volumeFields } from './refusals.ts'
import { createVolumeActions } from './volume-actions.ts'

export const capabilities = describe<VolumeService>({
  list: { filters: ['name', 'state', 'availability_zone'], limits: { limit: 1000 } },
  create: {
    parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'availability_zone', 'tags'],
    limits: tagLimits
  },
  update: { parameters: ['name', 'tags'], limits: tagLimits },
  attach: { parameters: ['node_id', 'device'] },
  detach: { parameters: ['node_id'] },
  extend: { parameters: ['size'] }
})

/** The filters that Cinder can apply. Of the states only `in_use` has exactly one status. */
export const volumeFilters = (
  { name, filtered }: Dialect = cinderV3
): Record<string, FilterRule> => ({
  name: { name, toValues: toExactName },
  ...(filtered && {
    state: { name: 'status', toValues: (state) => (state === 'in_use' ? ['in-use'] : undefined) },
    availability_zone: { name: 'availability_zone', toValues: toExactName }
  })
})

/** Volumes of Cinder, of the version that `dialect` describes. */
export function createVolumes (
  client: Client,
  identify: (id: string) => Identity,
  dialect: Dialect = cinderV3
): VolumeService {
  const { read, ...volumes } = createCollection<CinderVolume, Volume, VolumeCreate>({
    client,
    kind: 'volume',
    dialect,
    calls: cinder.volume,
    metadataCalls: cinder.volumeMetadata,
    identify,
    toResource: toVolume,
    filters: volumeFilters(dialect),
    toBody: (input) => ({
      size: input.size,
      volume_type: input.type,
      snapshot_id: input.snapshot_id,
      imageRef: input.image_id,
      availability_zone: input.availability_zone
    }),
    createFields: volumeFields,
    // Cinder filters by metadata if its administrator allows it. Otherwise it lists all volumes.
    toLostQuery: (
      { id }
    ) => (dialect.filtered ? { metadata: JSON.stringify({ [operationKey]: id }) } : {}),
    explain: explainVolume
  })

  return { ...volumes, ...createVolumeActions(client, read) }
}
