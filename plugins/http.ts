import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import fp from 'fastify-plugin'
import { LogController, type FastifyServerOptions, type RouteOptions } from 'fastify'
import { Type } from 'typebox'
import { ProblemError } from '../openapi/model/index.ts'
import { sendProblem } from './errors.ts'

const addFormats = formats as unknown as (ajv: Ajv) => void

/** Addresses with the length of their prefix: `10.0.0.0/24`. */
export const isCidr = (value: string) => {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(value) ?? []
  const version = isIP(address)
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128)
}

/** Ajv as this contract needs it: all errors at once, nothing coerced or dropped in bodies. */
const createAjv = (coerceTypes: false | 'array') => {
  const ajv = new Ajv({
    coerceTypes,
    removeAdditional: false,
    useDefaults: coerceTypes !== false,
    allErrors: true,
    allowUnionTypes: true,
    strictRequired: false,
    // Our own schemas need no check against the schema of schemas: it would lengthen the start and each first use.
    meta: false,
    validateSchema: false,
    keywords: ['example', 'discriminator']
  })
  addFormats(ajv)
  ajv.addFormat('cidr', isCidr)
  ajv.addFormat('ip', (value: string) => isIP(value) !== 0)
  return ajv
}

let last: { models: unknown[], body: Ajv, others: Ajv } | undefined

/** Fastify asks anew for each plugin that has routes: one pair serves all with the same models. */
function ajvFor (models: unknown[]) {
  if (last?.models.length === models.length && models.every((model, i) => model === last!.models[i])) return last
  last = { models, body: createAjv(false), others: createAjv('array') }
  for (const model of models) {
    last.body.addSchema(model as object)
    last.others.addSchema(model as object)
  }
  return last
}

/** To compile the schemas of all routes would take longer than all the rest of a start. */
function compiledAtFirstUse (compile: () => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | undefined
  const validate = ((value: unknown) => {
    compiled ??= compile()
    const fits = compiled(value)
    validate.errors = compiled.errors ?? null
    return fits
  }) as ValidateFunction
  return validate
}

const validId = /^[\w.:-]{1,128}$/

/** Options of the Fastify server that the contract rests on; each is a default of Fastify's that it cannot live with. */
export const serverOptions: FastifyServerOptions = {
  bodyLimit: 1024 * 1024,
  // plugins/shutdown.ts answers it as a problem.
  return503OnClosing: false,
  logController: new LogController({ disableRequestLogging: true }),
  requestIdHeader: false,
  genReqId: ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && validId.test(given) ? given : randomUUID()
  },
  // Ids are long at some clouds, and a foreign one is a 404, not a 414.
  routerOptions: { maxParamLength: 16_384, ignoreTrailingSlash: true },
  frameworkErrors: (error, request, reply) => { sendProblem(error, request as never, reply as never) },
  clientErrorHandler (error, socket) {
    if (!socket.writable) return
    const body = JSON.stringify({
      type: '/docs#invalid_request',
      title: 'The request cannot be parsed',
      status: 400,
      code: 'invalid_request',
      detail: `This is not HTTP as it is spoken here (${error.code})`,
      retryable: false,
      hint: 'Correct the request.'
    })
    socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  },
  schemaController: {
    compilersFactory: {
      buildValidator (schemas: Record<string, unknown>) {
        const { body, others } = ajvFor(Object.values(schemas))
        return (({ schema, httpPart }: { schema: object, httpPart?: string }) =>
          compiledAtFirstUse(() => (httpPart === 'body' ? body : others).compile(schema))) as never
      },
      // JSON.stringify is as fast, and a schema here would only drop what it does not know. Tests validate every answer.
      buildSerializer: () => () => JSON.stringify
    }
  }
}

const noQuery = Type.Object({}, { additionalProperties: false })

const mayHaveBody = ({ schema }: RouteOptions) => (schema as { body?: unknown } | undefined)?.body !== undefined

/** How requests are read: JSON and merge patches, empty bodies, no body where none belongs; ids on every answer. */
export default fp(async (fastify) => {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, body, done) => {
    // Many clients send the header with every request.
    if (body === '') return done(null, undefined)
    parse(request, body as string, done)
  })

  fastify.addHook('onRoute', (route) => {
    // A parameter that does nothing here may have been meant as a condition.
    if (route.schema?.operationId !== undefined) route.schema.querystring ??= noQuery
    if (mayHaveBody(route)) {
      // An empty body is {}: nothing is missing where nothing is required, and what is required is named where it is.
      route.preValidation = [async (request) => {
        if (request.body === undefined) request.body = {}
      }, ...[route.preValidation ?? []].flat()]
      return
    }
    route.onRequest = [...[route.onRequest ?? []].flat(), async ({ headers }) => {
      if ((headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined) return
      throw new ProblemError('validation_failed', 'This request takes no body', {
        errors: [{ in: 'body', pointer: '', message: 'must be empty' }]
      })
    }]
  })

  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
}, { name: 'http' })
