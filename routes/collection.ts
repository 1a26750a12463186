import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import type { preValidationHookHandler } from 'fastify'
import type { TObject, TProperties, TSchema } from '#typebox'
import { pathOf, type CollectionName, type ReadService } from '../drivers/driver.ts'
import { wantsFresh } from '../plugins/http/answers.ts'
import {
  cloudFilter,
  getQuery,
  isCommaSeparated,
  listAnswer,
  listQuery,
  listTimeout,
  ok
} from '../openapi/model/index.ts'

export interface CollectionRoutes {
  service: CollectionName
  /** The name of the model, `Node`. The operationIds contain it. */
  name: string
  tag: string
  /** The nouns as they read in a sentence. */
  singular: string
  plural: string
  filters: TProperties
  model: TSchema
  page: TSchema
}

const cloud = Type.String({ description: 'Name of the cloud.' })
export const cloudParams = Type.Object({ cloud })
export const idParams = Type.Object({
  cloud,
  id: Type.String({ description: "The provider's id." })
})
export interface IdParams {
  cloud: string
  id: string
}

/** Splits `a,b` in query parameters that may also be repeated. */
export const splitCommas: preValidationHookHandler = (
  { query: given, routeOptions },
  _reply,
  done
) => {
  const query = given as Record<string, unknown>
  const { properties } = routeOptions.schema!.querystring as TObject
  for (const key in query) {
    if (!isCommaSeparated(key, properties[key])) continue
    const values = [query[key]].flat().flatMap((value) => String(value).split(',')).filter((
      value
    ) => value !== '')
    // An empty text remains, so that the validation refuses a parameter without a value.
    query[key] = values.length === 0 ? [''] : values
  }
  done()
}

/** `confirm_resize` becomes `confirmResize`. */
export const toCamelCase = (verb: string) =>
  verb.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`

/** The reading routes of every collection: list over all clouds, list over one cloud, get. */
export function collectionRoutes (routes: CollectionRoutes): FastifyPluginAsyncTypebox {
  const { service, name, tag, singular, plural, filters, model, page } = routes
  return async (fastify) => {
    const { assignments, lists, answers } = fastify
    const collection = { service }
    const path = pathOf(service)

    fastify.get(`/${path}`, {
      config: { level: 'read', action: `${service}.list` },
      preValidation: splitCommas,
      schema: {
        operationId: `listAll${name}s`,
        summary: `List ${plural} of all clouds`,
        description: 'If a cloud fails, `sources` reports it, and later pages skip that cloud.',
        tags: [tag],
        querystring: listQuery(name, { ...filters, ...cloudFilter, ...listTimeout }),
        response: listAnswer(page)
      }
    }, (request, reply) => lists.all(collection, request, reply))

    fastify.get(`/clouds/:cloud/${path}`, {
      config: { level: 'read', action: `${service}.list` },
      preValidation: splitCommas,
      schema: {
        operationId: `list${name}s`,
        summary: `List ${plural} of a cloud`,
        tags: [tag],
        params: cloudParams,
        querystring: listQuery(name, filters),
        response: listAnswer(page)
      }
    }, (request, reply) => {
      request.cloud.require(`${service}.list`)
      return lists.one(collection, request.params.cloud, request, reply)
    })

    fastify.get(`/clouds/:cloud/${path}/:id`, {
      config: { level: 'read', action: `${service}.get` },
      preValidation: splitCommas,
      schema: {
        operationId: `get${name}`,
        summary: `Get ${withArticle(singular)}`,
        tags: [tag],
        params: idParams,
        querystring: getQuery,
        response: ok(model, `The ${singular}.`)
      }
    }, async (request, reply) => {
      const { cloud, params: { id }, query, caller } = request
      cloud.require(`${service}.get`)
      const extra = query.include?.includes('extra') ?? false
      const read = cloud.read({
        service,
        key: `get ${extra} ${id}`,
        fresh: wantsFresh(request),
        run: (connection, call) =>
          (connection[service] as ReadService<object>).get(id, { extra }, call)
      })
      const value = read.then((answer) => answer.value)
      const shown =
        await (service === 'nodes' ? assignments.showRead(cloud.name, id, value, caller) : value)
      const answer = await read
      // The assignment of a node looks different to each caller, and changes with time.
      if (shown === answer.value) answers.allow(request, reply, [answer])
      return shown
    })
  }
}
