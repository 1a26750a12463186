import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { Ajv, type FuncKeywordDefinition, type ValidateFunction } from 'ajv'
import type { DataValidateFunction } from 'ajv/dist/types/index.js'
import formats from 'ajv-formats'
import fp from 'fastify-plugin'
import {
  LogController,
  type FastifyHttpOptions,
  type FastifyRequest,
  type RouteOptions
} from 'fastify'
import { Type } from '#typebox'
import { isCidr } from '../../config/addresses.ts'
import { escapeStep } from '../../drivers/common/invalid.ts'
import { ProblemError, toProblem, type FieldError } from '../../openapi/model/index.ts'
import { invalidFields, sendProblem } from '../errors.ts'

/** Characters that end a line, steer a terminal, or reorder the text around them (Unicode TR 36, section 2.1). */
const unsafe = '\\p{Cc}\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069'
const singleLine = new RegExp(`^[^${unsafe}]*$`, 'u')
const multiLine = new RegExp(`^(?:[\\t\\n\\r]|[^${unsafe}])*$`, 'u')

/** Tests that an object has one of the fields that `requireAny` lists. */
const requiredAny: FuncKeywordDefinition = {
  keyword: 'x-required-any',
  type: 'object',
  errors: true,
  compile: (fields: string[]) => {
    const validate: DataValidateFunction = (value: object) => {
      if (fields.some((field) => field in value)) return true
      validate.errors = [{ keyword: 'x-required-any', params: { fields } }]
      return false
    }
    return validate
  }
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
    keywords: ['example', 'discriminator', 'x-extensible-enum', 'x-collection']
  })
  ajv.addKeyword(requiredAny)
  formats.default(ajv)
  ajv.addFormat('cidr', isCidr)
  ajv.addFormat('ip', (value: string) => isIP(value) !== 0)
  ajv.addFormat('single-line', singleLine)
  ajv.addFormat('multi-line', multiLine)
  return ajv
}

/** Creates a validator of models at its first use: one that no request needs costs nothing. */
function createLazyAjv (models: unknown[], coerceTypes: false | 'array') {
  let created: Ajv | undefined
  return () => {
    if (created !== undefined) return created
    created = createAjv(coerceTypes)
    for (const model of models) created.addSchema(model as object)
    return created
  }
}

let last: { models: unknown[], body: () => Ajv, others: () => Ajv } | undefined

/** Fastify calls this for each plugin that has routes. Plugins with the same models share one pair of validators. */
function ajvFor (models: unknown[]) {
  if (
    last?.models.length === models.length && models.every((model, i) => model === last!.models[i])
  ) return last
  last = { models, body: createLazyAjv(models, false), others: createLazyAjv(models, 'array') }
  return last
}

/** Ajv converts "Infinity" and "1e400" to Infinity, which passes every bound: it compares only finite numbers. */
function findInfinite (values: unknown) {
  const errors: NonNullable<ValidateFunction['errors']> = []
  for (const name in values as Record<string, unknown>) {
    const value = (values as Record<string, unknown>)[name]
    if (value !== Infinity && value !== -Infinity) continue
    errors.push({
      instancePath: `/${name}`,
      schemaPath: '',
      keyword: 'type',
      params: {},
      message: 'must be a finite number'
    })
  }
  return errors
}

/** Compiles a schema at its first use. Compiling all schemas at the start would take longer than the rest of it. */
function compileAtFirstUse (compile: () => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | undefined
  const validate = ((value: unknown) => {
    compiled ??= compile()
    const errors = compiled(value) ? findInfinite(value) : compiled.errors!
    validate.errors = errors.length === 0 ? null : errors
    return errors.length === 0
  }) as ValidateFunction
  return validate
}

/** Milliseconds for the client to close a connection on which the server has written its last answer. */
const lingerMs = 1000

/** Answers on a connection that has no request which Fastify could answer, and closes it. */
export function writeProblem (
  socket: Duplex,
  problem: ProblemError,
  headers: readonly string[] = []
) {
  if (!socket.writable) return
  const body = JSON.stringify(toProblem(problem))
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json',
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // Closing with unread bytes would reset the connection before the client has read the answer.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** A well-formed request line, also of a method that the parser does not know (RFC 9112, section 3). */
const requestLine = /^[\w!#$%&'*+.^`|~-]+ \S+ HTTP\/1\.[01]\r?\n/

/** Node adds the bytes of the request to the error of its parser. */
const requestOf = (error: Error) => String((error as { rawPacket?: unknown }).rawPacket)

const validId = /^[\w.:-]{1,128}$/

/** Options of the Fastify server that the contract requires in place of Fastify's defaults. */
export const serverOptions: FastifyHttpOptions<Server> = {
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
  frameworkErrors: (error, request, reply) => {
    request.server.logAccess?.(request as never, reply as never)
    sendProblem(error, request as never, reply as never)
  },
  clientErrorHandler (error, socket) {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      return writeProblem(
        socket,
        new ProblemError('request_timeout', 'The request did not arrive completely in time')
      )
    }
    if (error.code === 'HPE_INVALID_METHOD' && requestLine.test(requestOf(error))) {
      const problem = new ProblemError(
        'method_not_allowed',
        'The method of the request is not a method of HTTP'
      )
      return writeProblem(socket, problem, ['Allow: GET, HEAD, POST, PATCH, DELETE'])
    }
    writeProblem(
      socket,
      new ProblemError('invalid_request', `The request is not valid HTTP/1.1 (${error.code})`)
    )
  },
  schemaController: {
    compilersFactory: {
      buildValidator (schemas: Record<string, unknown>) {
        const { body, others } = ajvFor(Object.values(schemas))
        return (({ schema, httpPart }: { schema: object, httpPart?: string }) =>
          compileAtFirstUse(() => (httpPart === 'body' ? body : others)().compile(schema))) as never
      },
      // JSON.stringify is as fast as a compiled serializer, which drops unknown fields. Tests validate every answer.
      buildSerializer: () => () => JSON.stringify
    }
  }
}

const noQuery = Type.Object({}, { additionalProperties: false })

/** With the flag u, a whole pair is one character, which is no surrogate. */
const loneSurrogate = /\p{Cs}/u

/** Finds the strings of a body that no encoding can carry: half of a surrogate pair stands alone in them. */
function findBrokenText (value: unknown, pointer = ''): FieldError[] {
  const isBroken = (text: string) => loneSurrogate.test(text)
  if (typeof value === 'string') {
    const message = 'must be valid Unicode text; it has half of a surrogate pair'
    return isBroken(value) ? [{ in: 'body', pointer, message }] : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, item]) =>
    isBroken(name)
      ? [
        {
          in: 'body',
          pointer,
          message: 'has a name that is not valid Unicode text'
        } satisfies FieldError
        ]
      : findBrokenText(item, `${pointer}/${escapeStep(name)}`)
  )
}

const surrogateEscape = /\\u[dD][89a-fA-F]/

type Hook = (request: FastifyRequest, reply: unknown, done: (error?: Error) => void) => void

/** Refuses a body of a type that the route does not declare: an HTML form sends others than JSON without asking. */
const requireMediaType = (types: readonly string[]): Hook => (request, _reply, done) => {
  const { 'content-type': given, 'content-length': length, 'transfer-encoding': encoding } =
    request.raw.headers
  if (given === undefined || types.includes(given)) return done()
  const hasBody = encoding !== undefined || (length ?? '0') !== '0'
  if (!hasBody || types.includes(request.mediaType!)) return done()
  done(
    new ProblemError('unsupported_media_type', `The body has the type ${given.slice(0, 255)}`, {
      hint: `Send ${types.join(' or ')}.`
    })
  )
}

/**
 * Counts an empty body and null as {}, so that the validation names the fields that are required. Clients of
 * openapi-generator in Go and Java send null for a body that is optional.
 */
const replaceEmptyBody: Hook = (request, _reply, done) => {
  request.body ??= {}
  done()
}

const refuseBody: Hook = ({ raw: { headers } }, _reply, done) => {
  if ((headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined) {
    return done()
  }
  done(
    new ProblemError('validation_failed', 'This request takes no body', {
      errors: [{ in: 'body', pointer: '', message: 'must be empty' }]
    })
  )
}

const mayHaveBody = ({ schema }: RouteOptions) =>
  (schema as { body?: unknown } | undefined)?.body !== undefined

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
    parse(request, body as string, (error, value: unknown) => {
      const errors = error === null && surrogateEscape.test(body as string)
        ? findBrokenText(value)
        : []
      done(errors.length === 0 ? error : invalidFields(errors), value)
    })
  })

  fastify.addHook('onRoute', (route) => {
    // An unknown parameter is an error, because the caller may have meant it as a condition.
    if (route.schema?.operationId !== undefined) route.schema.querystring ??= noQuery
    const onRequest = [route.onRequest ?? []].flat()
    if (!mayHaveBody(route)) {
      route.onRequest = [...onRequest, refuseBody]
      return
    }
    route.onRequest = [
      ...onRequest,
      requireMediaType(route.schema?.consumes ?? ['application/json'])
    ]
    route.preValidation = [replaceEmptyBody, ...[route.preValidation ?? []].flat()]
  })

  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    const { httpVersion, headers } = request.raw
    done(
      httpVersion !== '1.1' || headers.host !== undefined
        ? undefined
        : new ProblemError('invalid_request', 'A request of HTTP/1.1 must have the header Host')
    )
  })

  const { server } = fastify
  // Without a listener, Node closes the connection without an answer.
  server.on(
    'connect',
    ({ url }: IncomingMessage, socket: Duplex) =>
      writeProblem(
        socket,
        new ProblemError('route_not_found', `This server is no proxy: it cannot CONNECT to ${url}`)
      )
  )
  // An unknown expectation may be ignored (RFC 9110, 10.1.1). Without a listener, Node answers with an empty 417.
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response)
  })
}, { name: 'http' })
