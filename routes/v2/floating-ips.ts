import type { FastifyInstance } from 'fastify'
import {
  anyOf,
  createdFilters,
  FloatingIp,
  FloatingIpAssociate,
  FloatingIpCreate,
  FloatingIpPage,
  FloatingIpPool,
  FloatingIpPoolPage,
  floatingIpStates,
  noFields,
  ok,
  stateFilters
} from '../../openapi/model/index.ts'
import { directAction, directRoutes } from '../changes.ts'
import { collectionRoutes, idParams, type IdParams } from '../collection.ts'

const tag = 'Floating IPs'
const ips = {
  service: 'floating_ips',
  name: 'FloatingIp',
  tag,
  singular: 'floating IP',
  model: FloatingIp
} as const

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...ips,
    plural: 'floating IPs (elastic IPs)',
    page: FloatingIpPage,
    filters: {
      ...stateFilters('floating IPs', floatingIpStates),
      ...createdFilters,
      node_id: anyOf('Only floating IPs of these nodes.'),
      address: anyOf('Only these addresses.')
    }
  }))
  directRoutes(fastify, { ...ips, create: FloatingIpCreate })
  directAction(fastify, {
    ...ips,
    verb: 'associate',
    operationId: 'associateFloatingIp',
    summary: 'Associate a floating IP with a node or a NIC',
    body: FloatingIpAssociate
  })
  fastify.post<{ Params: IdParams }>(
    '/clouds/:cloud/floating-ips/:id/actions/disassociate',
    {
      config: { level: 'manage', action: 'floating_ips.disassociate' },
      schema: {
        operationId: 'disassociateFloatingIp',
        summary: 'Disassociate a floating IP from its node',
        tags: [tag],
        params: idParams,
        body: noFields,
        response: ok(FloatingIp, 'The floating IP after the action.')
      }
    },
    async ({ cloud, params: { id } }) =>
      fastify.actions.callDirect(
        cloud,
        'floating_ips.disassociate',
        {},
        ({ floating_ips: service }, call) => service!.disassociate!(id, call)
      )
  )

  await fastify.register(collectionRoutes({
    service: 'floating_ip_pools',
    name: 'FloatingIpPool',
    tag,
    singular: 'pool of floating IPs',
    plural: 'pools of floating IPs',
    model: FloatingIpPool,
    page: FloatingIpPoolPage,
    filters: {}
  }))
}
