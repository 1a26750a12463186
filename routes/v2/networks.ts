import type { FastifyInstance } from 'fastify'
import {
  anyOf, Network, NetworkCreate, NetworkPage, NetworkUpdate, Subnet, SubnetCreate, SubnetPage, SubnetUpdate
} from '../../openapi/model/index.ts'
import { directRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const tag = 'Networks'
const networks = { service: 'networks' as const, name: 'Network', tag, singular: 'network', model: Network }
const subnets = { service: 'subnets' as const, name: 'Subnet', tag, singular: 'subnet', model: Subnet }

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...networks,
    plural: 'networks (VPCs)',
    page: NetworkPage,
    filters: { is_external: anyOf('Only those that lead outside, or that do not.', ['true', 'false']) }
  }))
  directRoutes(fastify, { ...networks, create: NetworkCreate, update: NetworkUpdate })

  await fastify.register(collectionRoutes({
    ...subnets, plural: 'subnets', page: SubnetPage, filters: { network_id: anyOf('Only those in these networks.') }
  }))
  directRoutes(fastify, { ...subnets, create: SubnetCreate, update: SubnetUpdate })
}
