import type { FastifyInstance } from 'fastify'
import { anyOf, Snapshot, SnapshotCreate, SnapshotPage, snapshotStates, SnapshotUpdate } from '../../openapi/model/index.ts'
import { slowRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const snapshots = {
  service: 'snapshots' as const, kind: 'snapshot' as const, name: 'Snapshot', tag: 'Volumes', singular: 'snapshot', model: Snapshot
}

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...snapshots,
    plural: 'snapshots of volumes',
    page: SnapshotPage,
    filters: { state: anyOf('Only these states.', snapshotStates), volume_id: anyOf('Only those of these volumes.') }
  }))
  slowRoutes(fastify, { ...snapshots, create: SnapshotCreate, update: SnapshotUpdate })
}
