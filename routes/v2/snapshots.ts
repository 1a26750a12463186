import type { FastifyInstance } from 'fastify'
import {
  anyOf, Snapshot, SnapshotCreate, SnapshotPage, snapshotStates, SnapshotUpdate
} from '../../openapi/model/index.ts'
import { slowRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const snapshots = {
  service: 'snapshots', kind: 'snapshot', name: 'Snapshot', tag: 'Volumes', singular: 'snapshot', model: Snapshot
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...snapshots,
    plural: 'snapshots of volumes',
    page: SnapshotPage,
    filters: {
      state: anyOf('Only snapshots in these states.', snapshotStates),
      volume_id: anyOf('Only snapshots of these volumes.')
    }
  }))
  slowRoutes(fastify, { ...snapshots, create: SnapshotCreate, update: SnapshotUpdate })
}
