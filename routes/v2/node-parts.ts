import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import {
  Console, createHeaders, gone, NicCreate, NicList, NodeSecurityGroup, ok, operationAnswer, preferHeader, withProblems
} from '../../openapi/model/index.ts'
import { methodOf } from '../../plugins/clouds/capabilities.ts'
import { changer, reader } from '../../plugins/clouds/index.ts'
import { sendAnswer } from '../../plugins/operations/index.ts'
import { idParams } from '../collection.ts'

const tags = ['Nodes']
interface Params { cloud: string, id: string }
const nicParams = Type.Object({ ...idParams.properties, nic: Type.String({ description: 'Id of the NIC.' }) })
const groupParams = Type.Object({ ...idParams.properties, group: Type.String({ description: 'Id of the security group.' }) })

/** What hangs on a node: NICs, security groups, the console. */
export default async function routes (fastify: FastifyInstance) {
  const { farm, resources, operations } = fastify
  const node = '/clouds/:cloud/nodes/:id'

  fastify.get<{ Params: Params }>(`${node}/nics`, {
    schema: { operationId: 'listNodeNics', summary: 'List the NICs of a node', tags, params: idParams, response: ok(NicList, 'All its NICs.') }
  }, async (request) => {
    const { cloud, id } = request.params
    methodOf(request.cloud, 'nodes.list_nics')
    return { items: await farm.call(cloud, reader(request), ({ nodes }, call) => nodes!.list_nics!(id, call)) }
  })

  fastify.post<{ Params: Params, Body: NicCreate }>(`${node}/nics`, {
    schema: {
      operationId: 'attachNodeNic',
      summary: 'Attach a NIC to a node',
      tags,
      params: idParams,
      headers: createHeaders,
      body: NicCreate,
      response: operationAnswer()
    }
  }, async (request, reply) => fastify.once(request, reply, async () => {
    const { params: { cloud, id }, body } = request
    return operations.answer(await fastify.nodes.change(cloud, id, 'attach_nic', body, changer(request), (nodes, call) =>
      nodes.attach_nic!(id, body, call)), request)
  }))

  fastify.delete<{ Params: Params & { nic: string } }>(`${node}/nics/:nic`, {
    schema: {
      operationId: 'detachNodeNic', summary: 'Detach a NIC from a node', tags, params: nicParams, headers: preferHeader, response: operationAnswer()
    }
  }, async (request, reply) => {
    const { cloud, id, nic } = request.params
    return sendAnswer(reply, await operations.answer(await fastify.nodes.change(cloud, id, 'detach_nic', {}, changer(request), (nodes, call) =>
      nodes.detach_nic!(id, nic, call)), request))
  })

  fastify.post<{ Params: Params, Body: NodeSecurityGroup }>(`${node}/security-groups`, {
    schema: {
      operationId: 'addNodeSecurityGroup',
      summary: 'Put a security group on every NIC of a node',
      tags,
      params: idParams,
      body: NodeSecurityGroup,
      response: withProblems({ 204: { type: 'null', description: 'It is there.' } })
    }
  }, async (request, reply) => {
    const { params: { cloud, id }, body } = request
    await resources.now(cloud, 'nodes.add_security_group', body, changer(request), ({ nodes }, call) => nodes!.add_security_group!(id, body, call))
    return reply.code(204).send()
  })

  fastify.delete<{ Params: Params & { group: string } }>(`${node}/security-groups/:group`, {
    schema: {
      operationId: 'removeNodeSecurityGroup', summary: 'Take a security group from every NIC of a node', tags, params: groupParams, response: gone()
    }
  }, async (request, reply) => {
    const { cloud, id, group } = request.params
    await resources.now(cloud, 'nodes.remove_security_group', {}, changer(request), ({ nodes }, call) =>
      nodes!.remove_security_group!(id, group, call))
    return reply.code(204).send()
  })

  fastify.get<{ Params: Params, Querystring: { kind: 'text' | 'url' } }>(`${node}/console`, {
    schema: {
      operationId: 'getNodeConsole',
      summary: "Get a node's console: what it has written, or where its screen can be seen",
      tags,
      params: idParams,
      querystring: Type.Object({
        kind: Type.Enum(['text', 'url'], { type: 'string', default: 'text' })
      }, { additionalProperties: false }),
      response: ok(Console, 'The console.')
    }
  }, async (request) => {
    const { params: { cloud, id }, query: { kind } } = request
    methodOf(request.cloud, 'nodes.console')
    return farm.call(cloud, reader(request), ({ nodes }, call) => nodes!.console!(id, kind, call))
  })
}
