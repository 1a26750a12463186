import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { pathOf, type CollectionName, type DirectService } from '../drivers/driver.ts'
import { createHeaders, created, gone, ok, operationAnswer, preferHeader, type ResourceKind } from '../openapi/model/index.ts'
import { changer } from '../plugins/clouds/index.ts'
import { sendAnswer } from '../plugins/operations/index.ts'
import { cloudParams, idParams, withArticle } from './collection.ts'

interface Changes {
  service: CollectionName
  /** The model's name, `Volume`: operationIds are made of it. */
  name: string
  tag: string
  singular: string
  model: TSchema
  create?: TSchema
  update?: TSchema
}

interface Params { cloud: string, id: string }

const summaries = ({ singular }: Changes) => ({
  create: `Create ${withArticle(singular)}`, update: `Change ${withArticle(singular)}`, destroy: `Delete ${withArticle(singular)}`
})

/** PATCH, which every cloud does at once. */
function updateRoute (fastify: FastifyInstance, changes: Changes) {
  const { service, name, tag, singular, model, update } = changes
  if (update === undefined) return
  fastify.patch(`/clouds/:cloud/${pathOf(service)}/:id`, {
    schema: {
      operationId: `update${name}`,
      summary: summaries(changes).update,
      description: 'A merge patch (RFC 7396). Where a cloud needs several calls, a failure says what was applied before it.',
      tags: [tag],
      consumes: ['application/json', 'application/merge-patch+json'],
      params: idParams,
      body: update,
      response: ok(model, `The ${singular} as it is now.`)
    }
  }, async (request) => {
    const { cloud, id } = request.params as Params
    return fastify.resources.now(cloud, `${service}.update`, request.body as object, changer(request), (connection, call) =>
      (connection[service] as unknown as DirectService<object, object, object>).update!(id, request.body as object, call))
  })
}

/** POST, PATCH and DELETE of resources that a cloud makes at once. */
export function directRoutes (fastify: FastifyInstance, changes: Changes) {
  const { service, name, tag, singular, model, create } = changes
  const { resources } = fastify
  const path = `/clouds/:cloud/${pathOf(service)}`
  const serviceOf = (connection: object) => (connection as Record<string, unknown>)[service] as DirectService<object, object, object>

  fastify.post(path, {
    schema: {
      operationId: `create${name}`,
      summary: summaries(changes).create,
      tags: [tag],
      params: cloudParams,
      headers: createHeaders,
      body: create,
      response: created(model, `The ${singular}.`)
    }
  }, async (request, reply) => fastify.once(request, reply, async () => {
    const { cloud } = request.params as Params
    const body = await resources.now(cloud, `${service}.create`, request.body as object, changer(request), (connection, call) =>
      serviceOf(connection).create!(request.body as object, call))
    return { status: 201, headers: { location: (body as { self: string }).self }, body }
  }, { direct: true }))

  updateRoute(fastify, changes)

  fastify.delete(`${path}/:id`, {
    schema: { operationId: `delete${name}`, summary: summaries(changes).destroy, tags: [tag], params: idParams, response: gone() }
  }, async (request, reply) => {
    const { cloud, id } = request.params as Params
    await resources.now(cloud, `${service}.destroy`, {}, changer(request), (connection, call) => serviceOf(connection).destroy!(id, call))
    return reply.code(204).send()
  })
}

/** POST, PATCH and DELETE of resources that take their time: operations. `destroy` is the query of the last. */
export function slowRoutes (fastify: FastifyInstance, changes: Changes & { kind: ResourceKind, destroy?: TSchema }) {
  const { service, name, tag, kind, create, destroy } = changes
  const { resources, operations } = fastify
  const path = `/clouds/:cloud/${pathOf(service)}`

  fastify.post(path, {
    schema: {
      operationId: `create${name}`,
      summary: summaries(changes).create,
      tags: [tag],
      params: cloudParams,
      headers: createHeaders,
      body: create,
      response: operationAnswer()
    }
  }, async (request, reply) => fastify.once(request, reply, async (key) => {
    const { cloud } = request.params as Params
    return operations.answer(await resources.create(cloud, service, request.body as object, changer(request), key), request)
  }))

  updateRoute(fastify, changes)

  fastify.delete(`${path}/:id`, {
    schema: {
      operationId: `delete${name}`,
      summary: summaries(changes).destroy,
      tags: [tag],
      params: idParams,
      headers: preferHeader,
      ...(destroy === undefined ? {} : { querystring: destroy }),
      response: operationAnswer()
    }
  }, async (request, reply) => {
    const { cloud, id } = request.params as Params
    // What is not wanted is not asked for.
    const input = Object.fromEntries(Object.entries(request.query as object).filter(([, value]) => value !== false))
    const started = await resources.act({ cloud, service, kind, id, method: 'destroy', input }, changer(request))
    return sendAnswer(reply, await operations.answer(started, request))
  })
}

/** An action that takes its time: `POST …/{id}/actions/{verb}`. */
export function slowAction (fastify: FastifyInstance, { service, tag, kind, verb, operationId, summary, body }: {
  service: CollectionName, tag: string, kind: ResourceKind, verb: string, operationId: string, summary: string, body: TSchema
}) {
  fastify.post(`/clouds/:cloud/${pathOf(service)}/:id/actions/${verb}`, {
    schema: { operationId, summary, tags: [tag], params: idParams, headers: preferHeader, body, response: operationAnswer() }
  }, async (request, reply) => {
    const { cloud, id } = request.params as Params
    const started = await fastify.resources.act({ cloud, service, kind, id, method: verb, input: request.body as object }, changer(request))
    return sendAnswer(reply, await fastify.operations.answer(started, request))
  })
}

/** An action that a cloud does at once and that answers with the resource. */
export function directAction (fastify: FastifyInstance, { service, tag, verb, operationId, summary, body, model }: {
  service: CollectionName, tag: string, verb: string, operationId: string, summary: string, body: TSchema, model: TSchema
}) {
  type Method = (id: string, input: object, call: unknown) => Promise<object>
  fastify.post(`/clouds/:cloud/${pathOf(service)}/:id/actions/${verb}`, {
    schema: { operationId, summary, tags: [tag], params: idParams, body, response: ok(model, 'The resource as it is now.') }
  }, async (request) => {
    const { cloud, id } = request.params as Params
    return fastify.resources.now(cloud, `${service}.${verb}`, request.body as object, changer(request), (connection, call) =>
      (connection[service] as unknown as Record<string, Method>)[verb]!(id, request.body as object, call))
  })
}
