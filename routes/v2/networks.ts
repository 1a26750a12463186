import type { FastifyInstance } from 'fastify'
import {
  anyOf,
  createdFilters,
  Network,
  NetworkCreate,
  NetworkPage,
  networkStates,
  NetworkUpdate,
  stateFilters,
  Subnet,
  SubnetCreate,
  SubnetPage,
  SubnetUpdate
} from '../../openapi/model/index.ts'
import { directRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const tag = 'Networks'
const networks = {
  service: 'networks',
  name: 'Network',
  tag,
  singular: 'network',
  model: Network
} as const
const subnets = {
  service: 'subnets',
  name: 'Subnet',
  tag,
  singular: 'subnet',
  model: Subnet
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...networks,
    plural: 'networks (VPCs)',
    page: NetworkPage,
    filters: {
      ...stateFilters('networks', networkStates),
      ...createdFilters,
      is_external: anyOf('Only external networks, or only internal ones.', ['true', 'false'])
    }
  }))
  directRoutes(fastify, { ...networks, create: NetworkCreate, update: NetworkUpdate })

  await fastify.register(collectionRoutes({
    ...subnets,
    plural: 'subnets',
    page: SubnetPage,
    filters: { ...createdFilters, network_id: anyOf('Only subnets of these networks.') }
  }))
  directRoutes(fastify, { ...subnets, create: SubnetCreate, update: SubnetUpdate })
}
