import fp from 'fastify-plugin'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { escapeStep } from '../drivers/common/invalid.ts'
import {
  ProblemError,
  toProblem,
  type FieldError,
  type ProblemCode
} from '../openapi/model/index.ts'

/** Maps Fastify's error codes to problem codes. */
const codeByFastifyCode: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'invalid_request'
}
const codeByStatus: Record<number, ProblemCode> = {
  400: 'invalid_request',
  404: 'route_not_found',
  406: 'not_acceptable',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type'
}

/** The parts of a request, in the order in which Fastify validates them. */
const parts: Record<string, FieldError['in']> = {
  params: 'path',
  body: 'body',
  querystring: 'query',
  headers: 'header'
}

interface AjvError {
  instancePath: string
  keyword: string
  params: Record<string, unknown>
  message?: string
  /** The name at fault, if the error is one of a name. */
  propertyName?: string
}

/** Describes the values that the formats of plugins/http/index.ts accept. */
const messageByFormat: Record<string, string> = {
  'single-line':
    'must not contain control characters, line breaks or characters that change the direction of text',
  'multi-line':
    'must not contain control characters other than tabs and line breaks, or characters that change the ' +
    'direction of text'
}

/** Creates the error for invalid fields. Its detail names the first three. */
export function invalidFields (errors: FieldError[]) {
  const listed = errors.slice(0, 3).map(({ in: part, pointer, message }) =>
    `${part}${pointer} ${message}`
  ).join('; ')
  const detail = errors.length > 3 ? `${listed}; and ${errors.length - 3} more` : listed
  return new ProblemError('validation_failed', detail, { errors })
}

/** Converts a schema error to the field at fault and the expected value. */
function toFieldError (part: FieldError['in'], error: AjvError): FieldError {
  const { instancePath, keyword, params, message = 'is not valid', propertyName } = error
  const path = propertyName === undefined
    ? instancePath
    : `${instancePath}/${escapeStep(propertyName)}`
  switch (keyword) {
    case 'required':
      return {
        in: part,
        pointer: `${path}/${escapeStep(params['missingProperty'])}`,
        message: 'is required'
      }
    case 'additionalProperties':
      return {
        in: part,
        pointer: `${path}/${escapeStep(params['additionalProperty'])}`,
        message: 'is not a known field'
      }
    case 'x-required-any': {
      const [first, ...others] = params['fields'] as string[]
      return {
        in: part,
        pointer: `${path}/${first}`,
        message: `is required, or ${others.join(' or ')}`
      }
    }
    case 'enum': {
      const values = (params['allowedValues'] as unknown[]).map(String).join(', ')
      return { in: part, pointer: path, message: `must be one of ${values}` }
    }
    case 'format':
      return {
        in: part,
        pointer: path,
        message: messageByFormat[String(params['format'])] ?? message
      }
    default:
      return { in: part, pointer: path, message }
  }
}

/** Collects every field at fault. Fastify stops at the first invalid part, so this validates the other parts. */
function fieldErrors (error: FastifyError, request: FastifyRequest): FieldError[] {
  const first = error.validationContext ?? 'body'
  const order = Object.keys(parts)
  const found = new Map<string, AjvError[]>([[first, error.validation as AjvError[]]])
  const { body, query: querystring, headers } = request
  const values: Record<string, unknown> = { body, querystring, headers }
  for (const part of order.slice(order.indexOf(first) + 1)) {
    const validate = request.getValidationFunction(part as 'body' | 'querystring' | 'headers')
    const value = values[part]
    if (validate === undefined || validate(value) === true) continue
    found.set(part, validate.errors as AjvError[])
  }
  return [...found].flatMap(([part, errors]) =>
    errors
      // An error of the name itself comes before it.
      .filter(({ keyword }) => keyword !== 'propertyNames')
      .map((item) => toFieldError(parts[part] ?? 'body', item))
  )
}

/** Converts any error to a ProblemError. */
export function asProblemError (error: unknown, request?: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error
  const known = error as FastifyError
  if (known.validation !== undefined && request !== undefined) {
    return invalidFields(fieldErrors(known, request))
  }
  const code = codeByFastifyCode[known.code] ?? codeByStatus[known.statusCode ?? 0]
  if (code === undefined) {
    return new ProblemError('internal_error', 'This server failed', { cause: error })
  }
  return new ProblemError(code, known.message, { cause: error })
}

/** The errors of the server itself. Their log line has the stack. */
const ownFailures = new Set<ProblemCode>(['internal_error', 'store_unavailable'])

/** Logs an error: with its stack only a failure of this server, in one line that of a cloud or of the request. */
export function logProblem ({ log }: FastifyRequest, problem: ProblemError) {
  const { code, status, details: { cloud, errors }, message } = problem
  if (ownFailures.has(code)) return log.error({ err: problem, code }, message)
  if (code.startsWith('provider_') || code === 'outcome_unknown') {
    return log.warn({ code, status, cloud }, message)
  }
  log.info({ code, status, cloud, errors }, message)
}

/** Answers with an error. All problems are written here. */
export function sendProblem (error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = asProblemError(error, request)
  const body = toProblem(problem, {
    instance: request.url.split('?', 1)[0]!.slice(0, 500),
    request_id: request.id
  })
  logProblem(request, problem)
  // A request with an invalid URL arrives here without the hook that sets the header.
  reply.header('x-request-id', request.id)
  if (body.retry_after !== undefined) reply.header('retry-after', Math.ceil(body.retry_after))
  return reply.code(problem.status).type('application/problem+json').send(body)
}

/** Gives all errors one form, those of Fastify too. */
export default fp(async (fastify) => {
  fastify.setErrorHandler(sendProblem)
}, { name: 'errors' })
