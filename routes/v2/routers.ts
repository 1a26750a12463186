import type { FastifyInstance } from 'fastify'
import {
  createdFilters,
  networkStates,
  Router,
  RouterCreate,
  RouterInterface,
  RouterPage,
  RouterUpdate,
  stateFilters
} from '../../openapi/model/index.ts'
import { directAction, directRoutes } from '../changes.ts'
import { collectionRoutes } from '../collection.ts'

const routers = {
  service: 'routers',
  name: 'Router',
  tag: 'Networks',
  singular: 'router',
  model: Router
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...routers,
    plural: 'routers (internet gateways with their route tables)',
    page: RouterPage,
    filters: { ...stateFilters('routers', networkStates), ...createdFilters }
  }))
  directRoutes(fastify, { ...routers, create: RouterCreate, update: RouterUpdate })
  directAction(fastify, {
    ...routers,
    verb: 'add_interface',
    operationId: 'addRouterInterface',
    summary: 'Connect a subnet to a router',
    body: RouterInterface
  })
  directAction(fastify, {
    ...routers,
    verb: 'remove_interface',
    operationId: 'removeRouterInterface',
    summary: 'Disconnect a subnet from a router',
    body: RouterInterface
  })
}
