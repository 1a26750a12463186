import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { anyOf, cloudFilter, ok, Operation, OperationPage, operationStatuses, pageAnswer, paging, ProblemError, queryOf } from '../../openapi/model/index.ts'
import { longestWait, parsePrefer } from '../../plugins/operations/index.ts'
import { idParams, splitCommas } from '../collection.ts'

const tags = ['Operations']
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const filters = {
  status: anyOf('Only these.', operationStatuses),
  kind: anyOf('Only these kinds, as `nodes.create`.')
}

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { operations } = fastify

  fastify.get('/operations', {
    preValidation: splitCommas,
    schema: {
      operationId: 'listOperations',
      summary: 'List operations, the newest first',
      description: 'Ended ones are kept for 7 days where the settings say nothing else.',
      tags,
      querystring: queryOf({
        ...paging,
        ...cloudFilter,
        ...filters,
        resource: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'Id or `self` of a resource it is about.' }))
      }),
      response: pageAnswer(OperationPage)
    }
  }, async ({ query: { limit, cursor, cloud, status, kind, resource } }) =>
    operations.page({ limit, cursor, clouds: cloud, statuses: status, kinds: kind, resource }))

  fastify.get('/clouds/:cloud/nodes/:id/operations', {
    preValidation: splitCommas,
    schema: {
      operationId: 'listNodeOperations',
      summary: 'List the operations of a node, the newest first',
      tags,
      params: idParams,
      querystring: queryOf({ ...paging, ...filters }),
      response: pageAnswer(OperationPage)
    }
  }, async ({ params: { cloud, id }, query: { limit, cursor, status, kind } }) =>
    operations.page({ limit, cursor, statuses: status, kinds: kind, resource: `/api/v2/clouds/${cloud}/nodes/${encodeURIComponent(id)}` }))

  fastify.get('/operations/:id', {
    schema: {
      operationId: 'getOperation',
      summary: 'Get an operation, at once or when it has ended',
      tags,
      params: Type.Object({ id: Type.String({ description: 'Id of the operation.' }) }),
      querystring: Type.Object({
        wait: Type.Optional(Type.Integer({
          minimum: 0, maximum: longestWait, description: 'Holds the answer until it has ended, for so many seconds. `Prefer: wait=30` does the same.'
        }))
      }, { additionalProperties: false }),
      response: ok(Operation, 'The operation, ended or not.')
    }
  }, async (request, reply) => {
    const { params: { id }, query, headers } = request
    if (!uuid.test(id)) throw new ProblemError('resource_not_found', `"${id.slice(0, 64)}" is no id of an operation`)
    const wait = query.wait ?? parsePrefer(headers.prefer)
    const operation = await operations.get(id, wait, wait === undefined ? undefined : request.signal)
    if (operation.finished_at === null) reply.header('retry-after', '1')
    return operation
  })
}

export default routes
