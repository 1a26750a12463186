import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import fp from 'fastify-plugin'
import { LogController, type FastifyServerOptions, type RouteOptions } from 'fastify'
import { Type } from 'typebox'
import { ProblemError, problems } from '../openapi/model/index.ts'
import { sendProblem } from './errors.ts'

const addFormats = formats as unknown as (ajv: Ajv) => void

/** Whether a text is an address with a prefix length: `10.0.0.0/24`. */
export const isCidr = (value: string) => {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(value) ?? []
  const version = isIP(address)
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128)
}

/** Creates a validator that reports all errors at once. It coerces and removes nothing in bodies. */
const createAjv = (coerceTypes: false | 'array') => {
  const ajv = new Ajv({
    coerceTypes,
    removeAdditional: false,
    useDefaults: coerceTypes !== false,
    allErrors: true,
    allowUnionTypes: true,
    strictRequired: false,
    // Tests check our own schemas against the meta schema. Doing it here would slow down the start and each first use.
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

/** Fastify calls this for each plugin that has routes. Plugins with the same models share one pair of validators. */
function ajvFor (models: unknown[]) {
  if (last?.models.length === models.length && models.every((model, i) => model === last!.models[i])) return last
  last = { models, body: createAjv(false), others: createAjv('array') }
  for (const model of models) {
    last.body.addSchema(model as object)
    last.others.addSchema(model as object)
  }
  return last
}

/** Compiles a schema at its first use. Compiling all schemas at the start would take longer than the rest of it. */
function compileAtFirstUse (compile: () => ValidateFunction): ValidateFunction {
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

/** Options of the Fastify server that the contract requires in place of Fastify's defaults. */
export const serverOptions: FastifyServerOptions = {
  bodyLimit: 1024 * 1024,
  // plugins/shutdown.ts answers with a problem instead.
  return503OnClosing: false,
  logController: new LogController({ disableRequestLogging: true }),
  requestIdHeader: false,
  genReqId: ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && validId.test(given) ? given : randomUUID()
  },
  // Some clouds have long ids, and an id that is too long is a 404, not a 414.
  routerOptions: { maxParamLength: 16_384, ignoreTrailingSlash: true },
  frameworkErrors: (error, request, reply) => { sendProblem(error, request as never, reply as never) },
  clientErrorHandler (error, socket) {
    if (!socket.writable) return
    const body = JSON.stringify({
      type: '/docs#invalid_request',
      title: problems.invalid_request.title,
      status: 400,
      code: 'invalid_request',
      detail: `The request is not valid HTTP/1.1 (${error.code})`,
      retryable: false,
      hint: 'Correct the request.'
    })
    const head = [
      'HTTP/1.1 400 Bad Request',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close'
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  },
  schemaController: {
    compilersFactory: {
      buildValidator (schemas: Record<string, unknown>) {
        const { body, others } = ajvFor(Object.values(schemas))
        return (({ schema, httpPart }: { schema: object, httpPart?: string }) =>
          compileAtFirstUse(() => (httpPart === 'body' ? body : others).compile(schema))) as never
      },
      // JSON.stringify is as fast as a compiled serializer, which drops unknown fields. Tests validate every answer.
      buildSerializer: () => () => JSON.stringify
    }
  }
}

const noQuery = Type.Object({}, { additionalProperties: false })

const mayHaveBody = ({ schema }: RouteOptions) => (schema as { body?: unknown } | undefined)?.body !== undefined

/**
 * Parses requests (JSON, merge patches, empty bodies), refuses unexpected bodies, and adds X-Request-Id to answers.
 */
export default fp(async (fastify) => {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeAllContentTypeParsers()
  const jsonTypes = ['application/json', 'application/merge-patch+json']
  fastify.addContentTypeParser(jsonTypes, { parseAs: 'string' }, (request, body, done) => {
    // Many clients send the content type with every request, also without a body.
    if (body === '') return done(null, undefined)
    parse(request, body as string, done)
  })

  fastify.addHook('onRoute', (route) => {
    // An unknown parameter is an error, because the caller may have meant it as a condition.
    if (route.schema?.operationId !== undefined) route.schema.querystring ??= noQuery
    if (mayHaveBody(route)) {
      // An empty body counts as {}, so that the validation names the fields that are required.
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
