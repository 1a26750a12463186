import type { FastifyInstance } from 'fastify'
import type { TSchema } from '#typebox'
import type { Call } from '../drivers/call.ts'
import { methodOf, pathOf, type CollectionName } from '../drivers/driver.ts'
import {
  createHeaders,
  created,
  noContent,
  ok,
  operationAnswer,
  preferHeader,
  type ResourceKind
} from '../openapi/model/index.ts'
import { cloudParams, idParams, withArticle, type IdParams } from './collection.ts'

/** The changing routes of one collection. A route exists for each schema that is given. */
export interface ChangeRoutes {
  service: CollectionName
  /** The name of the model, `Volume`. The operationIds contain it. */
  name: string
  tag: string
  singular: string
  model: TSchema
  create?: TSchema
  update?: TSchema
}

type Input = Record<string, unknown>
type Method = (...input: [...unknown[], call: Call]) => Promise<object>

const mergePatch =
  'A merge patch (RFC 7396). Some clouds need several calls: if one fails, the error names the ' +
  'fields that were already applied.'

/** PATCH, which every cloud completes before it answers. */
function updateRoute (
  fastify: FastifyInstance,
  { service, name, tag, singular, model, update }: ChangeRoutes
) {
  if (update === undefined) return
  fastify.patch<{ Params: IdParams, Body: Input }>(
    `/clouds/:cloud/${pathOf(service)}/:id`,
    {
      config: { level: 'manage', action: `${service}.update` },
      schema: {
        operationId: `update${name}`,
        summary: `Change ${withArticle(singular)}`,
        description: mergePatch,
        tags: [tag],
        consumes: ['application/json', 'application/merge-patch+json'],
        params: idParams,
        body: update,
        response: ok(model, `The ${singular} after the change.`)
      }
    },
    async ({ cloud, params: { id }, body }) =>
      fastify.actions.callDirect(cloud, `${service}.update`, body, (connection, call) =>
        methodOf<Method>(connection, service, 'update')(id, body, call))
  )
}

/** POST, PATCH and DELETE of resources that a cloud creates and deletes before it answers. */
export function directRoutes (fastify: FastifyInstance, routes: ChangeRoutes) {
  const { service, name, tag, singular, model, create } = routes
  const { actions } = fastify
  const path = `/clouds/:cloud/${pathOf(service)}`

  fastify.post<{ Body: Input }>(path, {
    config: { level: 'manage', action: `${service}.create` },
    schema: {
      operationId: `create${name}`,
      summary: `Create ${withArticle(singular)}`,
      tags: [tag],
      params: cloudParams,
      headers: createHeaders,
      body: create,
      response: created(model, `The ${singular}.`)
    }
  }, async (request, reply) =>
    fastify.idempotent(request, reply, async () => {
      const resource = await actions.callDirect(
        request.cloud,
        `${service}.create`,
        request.body,
        (connection, call) => methodOf<Method>(connection, service, 'create')(request.body, call)
      )
      return {
        status: 201,
        headers: { location: (resource as { self: string }).self },
        body: resource
      }
    }, { direct: true }))

  updateRoute(fastify, routes)

  fastify.delete<{ Params: IdParams }>(`${path}/:id`, {
    config: { level: 'manage', action: `${service}.destroy` },
    schema: {
      operationId: `delete${name}`,
      summary: `Delete ${withArticle(singular)}`,
      tags: [tag],
      params: idParams,
      response: noContent(`The ${singular} was deleted.`)
    }
  }, async ({ cloud, params: { id } }, reply) => {
    await actions.callDirect(
      cloud,
      `${service}.destroy`,
      {},
      (connection, call) => methodOf<Method>(connection, service, 'destroy')(id, call)
    )
    return reply.code(204).send()
  })
}

/** The changing routes of resources whose creation and deletion take time. `destroy` is the query of DELETE. */
export interface SlowRoutes extends ChangeRoutes {
  kind: ResourceKind
  destroy?: TSchema
}

/** POST, PATCH and DELETE of resources whose creation and deletion take time, as operations. */
export function slowRoutes (fastify: FastifyInstance, routes: SlowRoutes) {
  const { service, name, tag, singular, kind, create, destroy } = routes
  const { actions, operations } = fastify
  const path = `/clouds/:cloud/${pathOf(service)}`

  fastify.post<{ Body: Input }>(
    path,
    {
      config: { level: 'manage', action: `${service}.create` },
      schema: {
        operationId: `create${name}`,
        summary: `Create ${withArticle(singular)}`,
        tags: [tag],
        params: cloudParams,
        headers: createHeaders,
        body: create,
        response: operationAnswer()
      }
    },
    async (request, reply) =>
      fastify.idempotent(request, reply, async (first) =>
        operations.answer(
          await actions.create(request.cloud, service, request.body, first),
          request
        ))
  )

  updateRoute(fastify, routes)

  fastify.delete<{ Params: IdParams, Querystring: Input }>(`${path}/:id`, {
    config: { level: 'manage', action: `${service}.destroy` },
    schema: {
      operationId: `delete${name}`,
      summary: `Delete ${withArticle(singular)}`,
      tags: [tag],
      params: idParams,
      headers: preferHeader,
      ...(destroy === undefined ? {} : { querystring: destroy }),
      response: operationAnswer()
    }
  }, async ({ cloud, params: { id }, query }, reply) => {
    // An option that is false is the same as no option, also at a cloud that does not have it.
    const input = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== false))
    return reply.operation(await actions.run(cloud, { kind, id, method: 'destroy', input }))
  })
}

export interface ActionRoute {
  service: CollectionName
  tag: string
  /** The method of the service, and the last step of the path. */
  verb: string
  operationId: string
  summary: string
  body: TSchema
}

/** `POST …/{id}/actions/{verb}` for an action that takes time, as an operation. */
export function slowAction (fastify: FastifyInstance, route: ActionRoute & { kind: ResourceKind }) {
  const { service, tag, kind, verb, operationId, summary, body } = route
  fastify.post<{ Params: IdParams, Body: Input }>(
    `/clouds/:cloud/${pathOf(service)}/:id/actions/${verb}`,
    {
      config: { level: 'manage', action: `${service}.${verb}` },
      schema: {
        operationId,
        summary,
        tags: [tag],
        params: idParams,
        headers: preferHeader,
        body,
        response: operationAnswer()
      }
    },
    async ({ cloud, params: { id }, body: input }, reply) =>
      reply.operation(await fastify.actions.run(cloud, { kind, id, method: verb, input }))
  )
}

/** `POST …/{id}/actions/{verb}` for an action that a cloud completes at once. The answer is the resource. */
export function directAction (fastify: FastifyInstance, route: ActionRoute & { model: TSchema }) {
  const { service, tag, verb, operationId, summary, body, model } = route
  fastify.post<{ Params: IdParams, Body: Input }>(
    `/clouds/:cloud/${pathOf(service)}/:id/actions/${verb}`,
    {
      config: { level: 'manage', action: `${service}.${verb}` },
      schema: {
        operationId,
        summary,
        tags: [tag],
        params: idParams,
        body,
        response: ok(model, 'The resource after the action.')
      }
    },
    async ({ cloud, params: { id }, body: input }) =>
      fastify.actions.callDirect(cloud, `${service}.${verb}`, input, (connection, call) =>
        methodOf<Method>(connection, service, verb)(id, input, call))
  )
}
