import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemError } from '../../openapi/model/index.ts'
import { asProblemError, logProblem } from '../../plugins/errors.ts'

/** The phrase and the sentence of each status in Python's http.server, which the original's errors have. */
const phrases: Readonly<Record<number, readonly [string, string]>> = {
  400: ['Bad Request', 'Bad request syntax or unsupported method'],
  403: ['Forbidden', 'Request forbidden -- authorization will not help'],
  404: ['Not Found', 'Nothing matches the given URI'],
  405: ['Method Not Allowed', 'Specified method is invalid for this resource'],
  408: ['Request Timeout', 'Request timed out; try again later'],
  409: ['Conflict', 'Request conflict'],
  413: ['Request Entity Too Large', 'Entity is too large'],
  415: ['Unsupported Media Type', 'Entity body in unsupported format'],
  421: ['Misdirected Request', 'Server is not able to produce a response'],
  429: [
    'Too Many Requests',
    'The user has sent too many requests in a given amount of time ("rate limiting")'
  ],
  500: ['Internal Server Error', 'Server got itself in trouble'],
  501: ['Not Implemented', 'Server does not support this operation'],
  502: ['Bad Gateway', 'Invalid responses from another server/proxy'],
  503: ['Service Unavailable', 'The server cannot process the request due to a high load'],
  504: ['Gateway Timeout', 'The gateway server did not receive a timely response']
}

/** Statuses that the original does not have, and those that it has instead. */
const originalStatus: Readonly<Record<number, number>> = { 401: 403, 406: 400, 412: 409, 422: 400 }

/** The message of an error: the wrong fields by name, otherwise the detail and what to do. */
function messageOf ({ message, code, details: { errors = [], hint } }: ProblemError) {
  if (code === 'invalid_request' && /JSON/i.test(message)) return 'Malformed JSON stream'
  if (errors.length > 0) {
    return errors.map(({ pointer, message }) =>
      `${pointer.replace(/^\//, '') || 'body'}: ${message}`
    ).join('; ')
  }
  // A hint for a missing permission names paths of v2, which the caller cannot use.
  return hint === undefined || code === 'permission_denied' ? message : `${message}. ${hint}`
}

export interface V1Error {
  status: 'error'
  status_code?: number
  status_short_message?: string
  status_long_message?: string
  message: string
}

const isOneStep = /^\/api\/v1\/[^/]+\/?$/

function toBody (problem: ProblemError, path: string): { status: number, body: V1Error } {
  const isUnknownPage = problem.code === 'route_not_found'
  if (isUnknownPage && !isOneStep.test(path)) {
    return { status: 404, body: { status: 'error', message: 'Page not found' } }
  }
  const isNotFound = problem.code === 'cloud_not_found' || problem.code === 'resource_not_found'
  const status = isUnknownPage || isNotFound
    ? 400
    : originalStatus[problem.status] ?? problem.status
  const [short, long] = phrases[status] ?? phrases[500]!
  const message = isUnknownPage ? `There is no resource ${path.split('/')[3]}` : messageOf(problem)
  return {
    status,
    body: {
      status: 'error',
      status_code: status,
      status_short_message: short,
      status_long_message: long,
      message
    }
  }
}

/** Answers with an error in the form of the original. */
export function sendError (error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = asProblemError(error, request)
  logProblem(request, problem)
  const { status, body } = toBody(problem, request.url.split('?', 1)[0]!)
  if (problem.details.retry_after !== undefined) {
    reply.header('retry-after', Math.ceil(problem.details.retry_after))
  }
  return reply.code(status).type('application/json').send(body)
}
