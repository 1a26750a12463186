import { Type } from '#typebox'
import type { FastifyInstance } from 'fastify'
import {
  Console,
  createHeaders,
  NicCreate,
  NicList,
  noContent,
  NodeSecurityGroup,
  ok,
  operationAnswer,
  preferHeader
} from '../../../openapi/model/index.ts'
import { byInput } from '../../../plugins/auth/levels.ts'
import { forbidStorage } from '../../../plugins/http/caching.ts'
import { idParams, type IdParams } from '../../collection.ts'

const tags = ['Nodes']
const nicParams = Type.Object({
  ...idParams.properties,
  nic: Type.String({ description: 'Id of the NIC.' })
})
const groupParams = Type.Object({
  ...idParams.properties,
  group: Type.String({ description: 'Id of the security group.' })
})
const consoleQuery = Type.Object({
  kind: Type.Enum(['text', 'url'], { type: 'string', default: 'text' })
}, { additionalProperties: false })

/** The URL of the screen is root access to the node. */
const consoleLevel = byInput(
  { text: 'operate', url: 'manage' },
  ({ query }) => (query as { kind: string }).kind
)

const nodePath = '/clouds/:cloud/nodes/:id'

/** The parts of a node: NICs, security groups, the console. */
export default async function routes (fastify: FastifyInstance) {
  const { actions, operations } = fastify

  fastify.get<{ Params: IdParams }>(`${nodePath}/nics`, {
    config: { level: 'read', action: 'nodes.list_nics' },
    schema: {
      operationId: 'listNodeNics',
      summary: 'List the NICs of a node',
      tags,
      params: idParams,
      response: ok(NicList, 'All NICs of the node.')
    }
  }, async ({ cloud, params: { id } }) => {
    cloud.require('nodes.list_nics')
    return { items: await cloud.call(({ nodes }, call) => nodes!.list_nics!(id, call)) }
  })

  fastify.post<{ Params: IdParams, Body: NicCreate }>(`${nodePath}/nics`, {
    config: { level: 'manage', action: 'nodes.attach_nic' },
    schema: {
      operationId: 'attachNodeNic',
      summary: 'Attach a NIC to a node',
      tags,
      params: idParams,
      headers: createHeaders,
      body: NicCreate,
      response: operationAnswer()
    }
  }, async (request, reply) =>
    fastify.idempotent(request, reply, async (first) => {
      const { cloud, params: { id }, body } = request
      const started = await actions.start(cloud, 'nodes.attach_nic', body, ({ nodes }, call) =>
        nodes!.attach_nic!(id, body, call), { target: { kind: 'node', id }, first })
      return operations.answer(started, request)
    }))

  fastify.delete<{ Params: IdParams & { nic: string } }>(
    `${nodePath}/nics/:nic`,
    {
      config: { level: 'manage', action: 'nodes.detach_nic' },
      schema: {
        operationId: 'detachNodeNic',
        summary: 'Detach a NIC from a node',
        tags,
        params: nicParams,
        headers: preferHeader,
        response: operationAnswer()
      }
    },
    async ({ cloud, params: { id, nic } }, reply) =>
      reply.operation(
        await actions.start(cloud, 'nodes.detach_nic', {}, ({ nodes }, call) =>
          nodes!.detach_nic!(id, nic, call), { target: { kind: 'node', id } })
      )
  )

  fastify.post<{ Params: IdParams, Body: NodeSecurityGroup }>(`${nodePath}/security-groups`, {
    config: { level: 'manage', action: 'nodes.add_security_group' },
    schema: {
      operationId: 'addNodeSecurityGroup',
      summary: 'Add a security group to every NIC of a node',
      tags,
      params: idParams,
      body: NodeSecurityGroup,
      response: noContent('Every NIC has the security group.')
    }
  }, async ({ cloud, params: { id }, body }, reply) => {
    await actions.callDirect(
      cloud,
      'nodes.add_security_group',
      body,
      ({ nodes }, call) => nodes!.add_security_group!(id, body, call)
    )
    return reply.code(204).send()
  })

  fastify.delete<{ Params: IdParams & { group: string } }>(`${nodePath}/security-groups/:group`, {
    config: { level: 'manage', action: 'nodes.remove_security_group' },
    schema: {
      operationId: 'removeNodeSecurityGroup',
      summary: 'Remove a security group from every NIC of a node',
      tags,
      params: groupParams,
      response: noContent('No NIC has the security group.')
    }
  }, async ({ cloud, params: { id, group } }, reply) => {
    await actions.callDirect(
      cloud,
      'nodes.remove_security_group',
      {},
      ({ nodes }, call) => nodes!.remove_security_group!(id, group, call)
    )
    return reply.code(204).send()
  })

  fastify.get<{ Params: IdParams, Querystring: { kind: 'text' | 'url' } }>(`${nodePath}/console`, {
    config: { level: consoleLevel, action: 'nodes.console' },
    schema: {
      operationId: 'getNodeConsole',
      summary: "Get a node's console: its output as text, or the URL of its screen",
      tags,
      params: idParams,
      querystring: consoleQuery,
      response: ok(Console, 'The console.')
    }
  }, async ({ cloud, params: { id }, query: { kind } }, reply) => {
    cloud.require('nodes.console')
    // Whoever has the URL controls the node, and the output may contain passwords.
    forbidStorage(reply)
    return cloud.call(({ nodes }, call) => nodes!.console!(id, kind, call))
  })
}
