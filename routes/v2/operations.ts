import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import {
  anyOf,
  cloudFilter,
  createdFilters,
  integer,
  ok,
  Operation,
  OperationId,
  OperationPage,
  operationStatuses,
  pageAnswer,
  paging,
  ProblemError,
  queryOf
} from '../../openapi/model/index.ts'
import { toStoredTime } from '../../plugins/lists/filters.ts'
import { maxWait, parsePrefer } from '../../plugins/operations/index.ts'
import { uuid } from '../../drivers/common/ids.ts'
import { idParams, splitCommas } from '../collection.ts'

const tags = ['Operations']

const filters = {
  status: anyOf('Only operations of these statuses.', operationStatuses),
  kind: anyOf('Only operations of these kinds, such as `nodes.create`.'),
  ...createdFilters
}

interface FilterQuery {
  limit: number
  cursor?: string
  status?: string[]
  kind?: string[]
  created_after?: string
  created_before?: string
}

/** Converts the filters that both lists have. Times are compared as text, so all have the form of the store. */
function toFilters (
  { limit, cursor, status, kind, created_after: after, created_before: before }: FilterQuery
) {
  return {
    limit,
    cursor,
    statuses: status,
    kinds: kind,
    createdAfter: toStoredTime('created_after', after),
    createdBefore: toStoredTime('created_before', before)
  }
}

const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { operations } = fastify

  fastify.get(
    '/operations',
    {
      preValidation: splitCommas,
      config: { level: 'read', action: 'operations.list' },
      schema: {
        operationId: 'listOperations',
        summary: 'List operations, the newest first',
        description:
          'Ended operations are kept for 7 days by default (setting `operations.keep_days`).',
        tags,
        querystring: queryOf({
          ...paging,
          ...cloudFilter,
          ...filters,
          resource: Type.Optional(Type.String({
            minLength: 1,
            maxLength: 1024,
            description: 'Id or `self` of a resource of the operation.'
          }))
        }),
        response: pageAnswer(OperationPage)
      }
    },
    async ({ query, caller }) =>
      operations.page(
        { ...toFilters(query), clouds: query.cloud, resource: query.resource },
        caller
      )
  )

  fastify.get('/clouds/:cloud/nodes/:id/operations', {
    preValidation: splitCommas,
    config: { level: 'read', action: 'nodes.list_operations' },
    schema: {
      operationId: 'listNodeOperations',
      summary: 'List the operations of a node, the newest first',
      tags,
      params: idParams,
      querystring: queryOf({ ...paging, ...filters }),
      response: pageAnswer(OperationPage)
    }
  }, async ({ params: { cloud, id }, query, caller }) => {
    const resource = `/api/v2/clouds/${cloud}/nodes/${encodeURIComponent(id)}`
    return operations.page({ ...toFilters(query), resource }, caller)
  })

  fastify.get('/operations/:id', {
    config: { level: 'read', action: 'operations.get' },
    schema: {
      operationId: 'getOperation',
      summary: 'Get an operation, at once or when it ends',
      tags,
      params: Type.Object({ id: OperationId }),
      querystring: Type.Object({
        wait: Type.Optional(integer({
          minimum: 0,
          maximum: maxWait,
          description:
            'Seconds to wait at most for the end of the operation. `Prefer: wait=30` does the same.'
        }))
      }, { additionalProperties: false }),
      response: ok(Operation, 'The operation, ended or under way.')
    }
  }, async (request, reply) => {
    const { params: { id }, query, headers } = request
    if (!uuid.test(id)) {
      throw new ProblemError(
        'resource_not_found',
        `"${id.slice(0, 64)}" cannot be the id of an operation`
      )
    }
    const wait = query.wait ?? parsePrefer(headers.prefer)
    let operation = await operations.get(id, request.caller)
    if (wait !== undefined && operation.finished_at === null) {
      await operations.wait(id, wait, request.signal)
      // The grants may have changed during the wait.
      await fastify.auth.renew(request)
      operation = await operations.get(id, request.caller)
    }
    if (operation.finished_at === null) reply.header('retry-after', '1')
    return operation
  })
}

export default routes
