import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static, TObject, TSchema } from '#typebox'
import type { Level } from '../../openapi/model/index.ts'
import { answer, bodyTypes, cloudParams, tokenQuery } from './schemas.ts'

/** A route of v1, which exists with the name of a cloud at its end and without. */
export interface V1Route<Body extends TObject> {
  method: 'GET' | 'POST' | 'PUT'
  /** Below /api/v1, such as `/vm/stop`. */
  path: string
  level: Level
  /** The action of the same effect in v2, for the audit: `nodes.destroy`. */
  action: string
  operationId: string
  summary: string
  description?: string
  tag: string
  body?: Body
  /** The fields of the answer beside `status`. */
  fields: Record<string, TSchema>
  run(request: FastifyRequest, body: Static<Body>): Promise<object>
}

const cloudOf = ({ params }: FastifyRequest) => (params as { cloud?: string }).cloud ?? 'default'

/** Registers a route of v1 for the cloud `default`, and one for a cloud in the path. */
export function addRoute<Body extends TObject> (fastify: FastifyInstance, route: V1Route<Body>) {
  const { method, path, level, action, operationId, summary, description, tag, body, fields, run } =
    route
  const common = {
    ...description !== undefined && { description },
    tags: [tag],
    querystring: tokenQuery,
    ...body !== undefined && { body, consumes: bodyTypes },
    response: answer(fields)
  }
  const variants = [
    { url: path, schema: { operationId, summary: `${summary} (cloud \`default\`)`, ...common } },
    {
      url: `${path}/:cloud`,
      schema: { operationId: `${operationId}InCloud`, summary, params: cloudParams, ...common }
    }
  ]
  for (const { url, schema } of variants) {
    fastify.route({
      method,
      url,
      config: { level, action, credential: 'v1', cloudOf },
      schema,
      handler: async (request) => ({
        status: 'ok',
        ...await run(request, request.body as Static<Body>)
      })
    })
  }
}
