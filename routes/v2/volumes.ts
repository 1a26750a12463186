import type { FastifyInstance } from 'fastify'
import {
  anyOf,
  createdFilters,
  rangeOf,
  stateFilters,
  Volume,
  VolumeAttach,
  VolumeCreate,
  VolumeDetach,
  VolumeExtend,
  VolumePage,
  volumeStates,
  VolumeType,
  VolumeTypePage,
  VolumeUpdate
} from '../../openapi/model/index.ts'
import { slowAction, slowRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const tag = 'Volumes'
const volumes = {
  service: 'volumes',
  kind: 'volume',
  name: 'Volume',
  tag,
  singular: 'volume',
  model: Volume
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...volumes,
    plural: 'volumes',
    page: VolumePage,
    filters: {
      ...stateFilters('volumes', volumeStates),
      ...createdFilters,
      ...rangeOf('size', 'GiB'),
      type: anyOf('Only volumes of these types.'),
      availability_zone: anyOf('Only volumes in these zones.')
    }
  }))
  slowRoutes(fastify, { ...volumes, create: VolumeCreate, update: VolumeUpdate })
  slowAction(fastify, {
    ...volumes,
    verb: 'attach',
    operationId: 'attachVolume',
    summary: 'Attach a volume to a node',
    body: VolumeAttach
  })
  slowAction(fastify, {
    ...volumes,
    verb: 'detach',
    operationId: 'detachVolume',
    summary: 'Detach a volume from its node',
    body: VolumeDetach
  })
  slowAction(fastify, {
    ...volumes,
    verb: 'extend',
    operationId: 'extendVolume',
    summary: 'Make a volume larger',
    body: VolumeExtend
  })

  await fastify.register(collectionRoutes({
    service: 'volume_types',
    name: 'VolumeType',
    tag,
    singular: 'volume type',
    plural: 'volume types',
    model: VolumeType,
    page: VolumeTypePage,
    filters: {}
  }))
}
