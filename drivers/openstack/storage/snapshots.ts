import type { Snapshot, SnapshotCreate } from '../../../openapi/model/index.ts'
import { describe, type Identity, type SnapshotService } from '../../driver.ts'
import { toExactName } from '../../common/filters.ts'
import { explaining } from '../../common/refusals.ts'
import { bind } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { tagLimits } from '../client/tags.ts'
import { cinder, cinderV3, type Dialect } from './cinder.ts'
import { createCollection } from './collection.ts'
import { toSnapshot, type CinderSnapshot, type CinderVolume } from './mapping.ts'
import { explainSnapshot, snapshotFields } from './refusals.ts'

export const capabilities = describe<SnapshotService>({
  list: { filters: ['name', 'volume_id'], limits: { limit: 1000 } },
  create: { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tagLimits },
  update: { parameters: ['name', 'tags'], limits: tagLimits }
})

/** Snapshots of Cinder, of the version that `dialect` describes. */
export function createSnapshots (
  client: Client,
  identify: (id: string) => Identity,
  dialect: Dialect = cinderV3
): SnapshotService {
  const { read: _, ...snapshots } = createCollection<CinderSnapshot, Snapshot, SnapshotCreate>({
    client,
    kind: 'snapshot',
    dialect,
    calls: cinder.snapshot,
    metadataCalls: cinder.snapshotMetadata,
    identify,
    toResource: toSnapshot,
    filters: {
      name: { name: dialect.name, toValues: toExactName },
      ...(dialect.filtered && { volume_id: { name: 'volume_id', toValues: toExactName } })
    },
    // Without `force` Cinder refuses a volume that is attached.
    toBody: (input) => ({
      volume_id: input.volume_id,
      force: true,
      [dialect.description]: input.description
    }),
    createFields: snapshotFields,
    // The metadata of a snapshot is no filter before version 3.22, but its volume is.
    toLostQuery: ({ input }) => (dialect.filtered ? { volume_id: input.volume_id } : {}),
    explain: explainSnapshot
  })
  const volumes = bind<CinderVolume>(client, cinder.volume, { service: 'volume' })

  return {
    ...snapshots,
    create: (input, call) =>
      explaining(
        (error) => explainSnapshot(error, () => volumes.show(input.volume_id, call)),
        () => snapshots.create(input, call)
      )
  }
}
