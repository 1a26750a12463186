import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import {
  anyOf,
  createdFilters,
  createHeaders,
  Node,
  nodeActionDetails,
  NodeCreate,
  NodeDestroy,
  NodePage,
  nodeStates,
  NodeUpdate,
  nodeVerbDetails,
  nodeVerbs,
  ok,
  operationAnswer,
  preferHeader,
  stateFilters,
  Validation
} from '../../openapi/model/index.ts'
import { asProblemError } from '../../plugins/errors.ts'
import { cloudParams, collectionRoutes, idParams, toCamelCase } from '../collection.ts'

const tags = ['Nodes']

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { nodes, actions, assignments, operations } = fastify

  await fastify.register(collectionRoutes({
    service: 'nodes',
    name: 'Node',
    tag: 'Nodes',
    singular: 'node',
    plural: 'nodes (instances, servers)',
    model: Node,
    page: NodePage,
    filters: {
      ...stateFilters('nodes', nodeStates),
      ...createdFilters,
      image_id: anyOf('Only nodes of these images.'),
      size_id: anyOf('Only nodes of these sizes.'),
      availability_zone: anyOf('Only nodes in these zones.'),
      assigned: Type.Optional(
        Type.Boolean({ description: 'Only nodes that are assigned, or that are not.' })
      ),
      user: anyOf('Only nodes that are assigned to these users.')
    }
  }))

  fastify.post(
    '/clouds/:cloud/nodes',
    {
      config: { level: 'manage', action: 'nodes.create' },
      schema: {
        operationId: 'createNode',
        summary: 'Create a node (launch an instance, boot a server)',
        tags,
        params: cloudParams,
        headers: createHeaders,
        body: NodeCreate,
        response: operationAnswer()
      }
    },
    async (request, reply) =>
      fastify.idempotent(request, reply, async (first) =>
        operations.answer(await nodes.create(request.cloud, request.body, first), request))
  )

  fastify.post('/clouds/:cloud/nodes/validate', {
    config: { level: 'manage', action: 'nodes.validate' },
    schema: {
      operationId: 'validateNode',
      summary: 'Check whether a node could be created; nothing is created',
      tags,
      params: cloudParams,
      body: Type.Unsafe<unknown>({ ...NodeCreate }),
      response: ok(Validation, 'Each check and its result.')
    },
    // An invalid body is a failed check, not an error.
    attachValidation: true
  }, async (request) => {
    const { cloud, body, validationError } = request
    const problem = validationError === undefined
      ? undefined
      : asProblemError(validationError, request)
    const errors = problem?.details.errors ?? []
    if (problem !== undefined && errors.some(({ in: part }) => part !== 'body')) throw problem
    return nodes.validate(cloud, body as NodeCreate, errors)
  })

  fastify.patch('/clouds/:cloud/nodes/:id', {
    config: { level: 'manage', action: 'nodes.update' },
    schema: {
      operationId: 'updateNode',
      summary: 'Change name, tags or protection of a node',
      description:
        'A merge patch (RFC 7396): a tag with the value null is removed, other tags stay. Some clouds ' +
        'need several calls: if one fails, the error names the fields that were already applied. The tags are ' +
        'written over those of the cloud: of two concurrent changes, one may be lost.',
      tags,
      consumes: ['application/json', 'application/merge-patch+json'],
      params: idParams,
      body: NodeUpdate,
      response: ok(Node, 'The node after the change.')
    }
  }, async ({ cloud, params: { id }, body, caller }) => {
    const node = await actions.callDirect(
      cloud,
      'nodes.update',
      body,
      (connection, call) => connection.nodes!.update!(id, body, call)
    )
    return assignments.show(cloud.name, [node], caller)[0]!
  })

  fastify.delete(
    '/clouds/:cloud/nodes/:id',
    {
      config: { level: nodeActionDetails.destroy.level, action: 'nodes.destroy' },
      schema: {
        operationId: 'destroyNode',
        summary: 'Destroy a node (terminate an instance, delete a server)',
        tags,
        params: idParams,
        headers: preferHeader,
        querystring: NodeDestroy,
        response: operationAnswer()
      }
    },
    async ({ cloud, params: { id }, query }, reply) =>
      reply.operation(await nodes.destroy(cloud, id, query.if_state))
  )

  for (const verb of nodeVerbs) {
    const { level, summary, body } = nodeVerbDetails[verb]
    fastify.post(
      `/clouds/:cloud/nodes/:id/actions/${verb}`,
      {
        config: { level, action: `nodes.${verb}` },
        schema: {
          operationId: `${toCamelCase(verb)}Node`,
          summary,
          tags,
          params: idParams,
          headers: preferHeader,
          body,
          response: operationAnswer()
        }
      },
      async ({ cloud, params: { id }, body: input }, reply) =>
        reply.operation(await nodes.runVerb(cloud, id, verb, input as object))
    )
  }
}

export default routes
