import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  anyOf, createHeaders, Node, NodeCreate, NodePage, nodeStates, NodeUpdate, nodeVerbDetails, nodeVerbs, ok, operationAnswer,
  preferHeader, Validation
} from '../../openapi/model/index.ts'
import { changer, reader } from '../../plugins/clouds/index.ts'
import { sendAnswer } from '../../plugins/operations/index.ts'
import { cloudParams, collectionRoutes, idParams } from '../collection.ts'

const tags = ['Nodes']

const camel = (verb: string) => verb.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { nodes, operations } = fastify

  await fastify.register(collectionRoutes({
    service: 'nodes',
    name: 'Node',
    tag: 'Nodes',
    singular: 'node',
    plural: 'nodes (instances, servers)',
    model: Node,
    page: NodePage,
    filters: {
      state: anyOf('Only these states.', nodeStates),
      image_id: anyOf('Only nodes of these images.'),
      size_id: anyOf('Only nodes of these sizes.'),
      availability_zone: anyOf('Only nodes in these zones.')
    }
  }))

  fastify.post('/clouds/:cloud/nodes', {
    schema: {
      operationId: 'createNode',
      summary: 'Create a node (launch an instance, boot a server)',
      tags,
      params: cloudParams,
      headers: createHeaders,
      body: NodeCreate,
      response: operationAnswer()
    }
  }, async (request, reply) => fastify.once(request, reply, async (key) =>
    operations.answer(await nodes.create(request.params.cloud, request.body, changer(request), key), request)))

  fastify.post('/clouds/:cloud/nodes/validate', {
    schema: {
      operationId: 'validateNode',
      summary: 'Check whether a node could be created; nothing is created',
      tags,
      params: cloudParams,
      body: Type.Unsafe<unknown>({ ...NodeCreate }),
      response: ok(Validation, 'Each check and its result.')
    },
    // An invalid body is a check that failed, and no error.
    attachValidation: true
  }, async (request) => nodes.validate(request.params.cloud, request.body as NodeCreate, request.validationError, reader(request)))

  fastify.patch('/clouds/:cloud/nodes/:id', {
    schema: {
      operationId: 'updateNode',
      summary: 'Change name, tags or protection of a node',
      description: 'A merge patch (RFC 7396): a tag of null is removed, tags not named stay. Where a cloud needs several calls, ' +
        'a failure says what was applied before it. Tags are written over those the cloud had: of two writers at once, one may lose.',
      tags,
      consumes: ['application/json', 'application/merge-patch+json'],
      params: idParams,
      body: NodeUpdate,
      response: ok(Node, 'The node as it is now.')
    }
  }, async (request) => nodes.update(request.params.cloud, request.params.id, request.body, changer(request)))

  fastify.delete('/clouds/:cloud/nodes/:id', {
    schema: {
      operationId: 'destroyNode',
      summary: 'Destroy a node (terminate an instance, delete a server)',
      tags,
      params: idParams,
      headers: preferHeader,
      querystring: Type.Object({
        if_state: Type.Optional(Type.Enum([...nodeStates], { type: 'string', description: 'Only if the node is in this state; 412 otherwise.' }))
      }, { additionalProperties: false }),
      response: operationAnswer()
    }
  }, async (request, reply) => {
    const { params: { cloud, id }, query } = request
    return sendAnswer(reply, await operations.answer(await nodes.destroy(cloud, id, query.if_state, changer(request)), request))
  })

  for (const verb of nodeVerbs) {
    fastify.post(`/clouds/:cloud/nodes/:id/actions/${verb}`, {
      schema: {
        operationId: `${camel(verb)}Node`,
        summary: nodeVerbDetails[verb].summary,
        tags,
        params: idParams,
        headers: preferHeader,
        body: nodeVerbDetails[verb].body,
        response: operationAnswer()
      }
    }, async (request, reply) => {
      const { params: { cloud, id }, body } = request
      return sendAnswer(reply, await operations.answer(await nodes.act(cloud, id, verb, body, changer(request)), request))
    })
  }
}

export default routes
