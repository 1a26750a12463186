import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import {
  anyOf, FloatingIp, FloatingIpAssociate, FloatingIpCreate, FloatingIpPage, FloatingIpPool, FloatingIpPoolPage, ok
} from '../../openapi/model/index.ts'
import { changer } from '../../plugins/clouds/index.ts'
import { directAction, directRoutes } from '../changes.ts'
import { collectionRoutes, idParams } from '../collection.ts'

const tag = 'Floating IPs'
const ips = { service: 'floating_ips' as const, name: 'FloatingIp', tag, singular: 'floating IP', model: FloatingIp }

export default async function routes (fastify: FastifyInstance) {
  await fastify.register(collectionRoutes({
    ...ips, plural: 'floating IPs (elastic IPs)', page: FloatingIpPage, filters: { node_id: anyOf('Only those of these nodes.'), address: anyOf('Only these.') }
  }))
  directRoutes(fastify, { ...ips, create: FloatingIpCreate })
  directAction(fastify, {
    ...ips, verb: 'associate', operationId: 'associateFloatingIp', summary: 'Give a floating IP to a node or a NIC', body: FloatingIpAssociate
  })
  fastify.post<{ Params: { cloud: string, id: string } }>('/clouds/:cloud/floating-ips/:id/actions/disassociate', {
    schema: {
      operationId: 'disassociateFloatingIp',
      summary: 'Take a floating IP from its node',
      tags: [tag],
      params: idParams,
      body: Type.Object({}, { additionalProperties: false }),
      response: ok(FloatingIp, 'The floating IP as it is now.')
    }
  }, async (request) => {
    const { cloud, id } = request.params
    return fastify.resources.now(cloud, 'floating_ips.disassociate', {}, changer(request), ({ floating_ips: service }, call) =>
      service!.disassociate!(id, call))
  })

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
