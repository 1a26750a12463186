import type { FastifyInstance } from 'fastify'
import { KeyPair, KeyPairCreate, KeyPairPage } from '../../openapi/model/index.ts'
import { directRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const keyPairs = {
  service: 'key_pairs',
  name: 'KeyPair',
  tag: 'Key pairs',
  singular: 'key pair',
  model: KeyPair
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(
    collectionRoutes({ ...keyPairs, plural: 'key pairs', page: KeyPairPage, filters: {} })
  )
  directRoutes(fastify, { ...keyPairs, create: KeyPairCreate })
}
