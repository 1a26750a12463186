import type { FastifyInstance } from 'fastify'
import {
  anyOf,
  createdFilters,
  rangeOf,
  Snapshot,
  SnapshotCreate,
  SnapshotPage,
  snapshotStates,
  SnapshotUpdate,
  stateFilters
} from '../../openapi/model/index.ts'
import { slowRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const snapshots = {
  service: 'snapshots',
  kind: 'snapshot',
  name: 'Snapshot',
  tag: 'Volumes',
  singular: 'snapshot',
  model: Snapshot
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...snapshots,
    plural: 'snapshots of volumes',
    page: SnapshotPage,
    filters: {
      ...stateFilters('snapshots', snapshotStates),
      ...createdFilters,
      ...rangeOf('size', 'GiB'),
      volume_id: anyOf('Only snapshots of these volumes.')
    }
  }))
  slowRoutes(fastify, { ...snapshots, create: SnapshotCreate, update: SnapshotUpdate })
}
