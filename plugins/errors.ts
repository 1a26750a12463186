import fp from 'fastify-plugin'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, toProblem, type FieldError, type ProblemCode } from '../openapi/model/index.ts'

/** Fastify's own errors, by their code, in the words of the catalogue. */
const framework: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'invalid_request'
}
const byStatus: Record<number, ProblemCode> = {
  400: 'invalid_request', 404: 'route_not_found', 406: 'not_acceptable', 413: 'payload_too_large', 414: 'uri_too_long', 415: 'unsupported_media_type'
}

/** In the order in which Fastify validates them. */
const parts: Record<string, FieldError['in']> = { params: 'path', body: 'body', querystring: 'query', headers: 'header' }

interface AjvError {
  instancePath: string
  keyword: string
  params: Record<string, unknown>
  message?: string
}

/** A name as a step of a JSON Pointer (RFC 6901). */
const step = (name: unknown) => String(name).replaceAll('~', '~0').replaceAll('/', '~1')

/** One failure of a schema as the field that is at fault and what it should be. */
function fieldError (part: FieldError['in'], { instancePath, keyword, params, message = 'is not valid' }: AjvError): FieldError {
  if (keyword === 'required') return { in: part, pointer: `${instancePath}/${step(params['missingProperty'])}`, message: 'is required' }
  if (keyword === 'additionalProperties') {
    return { in: part, pointer: `${instancePath}/${step(params['additionalProperty'])}`, message: 'is not a field that is known here' }
  }
  if (keyword === 'enum') {
    return { in: part, pointer: instancePath, message: `must be one of ${(params['allowedValues'] as unknown[]).map(String).join(', ')}` }
  }
  return { in: part, pointer: instancePath, message }
}

/** Every field at fault: Fastify stops at the first part of a request that does not fit, so the other parts are asked too. */
function fieldErrors (error: FastifyError, request: FastifyRequest): FieldError[] {
  const first = error.validationContext ?? 'body'
  const order = Object.keys(parts)
  const found = new Map<string, AjvError[]>([[first, error.validation as unknown as AjvError[]]])
  const values: Record<string, unknown> = { body: request.body, querystring: request.query, headers: request.headers }
  for (const part of order.slice(order.indexOf(first) + 1)) {
    const validate = request.getValidationFunction(part as 'body' | 'querystring' | 'headers')
    const value = values[part]
    if (validate === undefined || validate(value) === true) continue
    found.set(part, validate.errors as unknown as AjvError[])
  }
  return [...found].flatMap(([part, errors]) => errors.map((one) => fieldError(parts[part] ?? 'body', one)))
}

/** Any error that reaches the server, in the words of the catalogue. */
export function asProblemError (error: unknown, request?: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error
  const known = error as FastifyError
  if (known.validation !== undefined && request !== undefined) {
    const errors = fieldErrors(known, request)
    const where = errors.slice(0, 3).map(({ in: part, pointer, message }) => `${part}${pointer} ${message}`).join('; ')
    return new ProblemError('validation_failed', errors.length > 3 ? `${where}; and ${errors.length - 3} more` : where, { errors })
  }
  const code = framework[known.code] ?? byStatus[known.statusCode ?? 0]
  if (code === undefined) return new ProblemError('internal_error', 'Something went wrong in this server.', { cause: error })
  return new ProblemError(code, known.message, { cause: error })
}

/** Answers with an error: the one place where problems are written. */
export function sendProblem (error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = asProblemError(error, request)
  const body = toProblem(problem, { instance: request.url.split('?', 1)[0]!.slice(0, 500), request_id: request.id })
  if (problem.status >= 500) request.log.error({ err: problem, code: problem.code }, problem.message)
  else request.log.debug({ code: problem.code, errors: problem.details.errors }, problem.message)
  // What is no URL comes here without any hook.
  reply.header('x-request-id', request.id)
  if (body.retry_after !== undefined) reply.header('retry-after', Math.ceil(body.retry_after))
  return reply.code(problem.status).type('application/problem+json').send(body)
}

/** One form for every error, our own and the framework's. */
export default fp(async (fastify) => {
  fastify.setErrorHandler(sendProblem)
  fastify.setNotFoundHandler((request, reply) =>
    sendProblem(new ProblemError('route_not_found', `There is no ${request.method} ${request.url.split('?', 1)[0]!.slice(0, 500)}`), request, reply))
}, { name: 'errors' })
