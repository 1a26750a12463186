import { problems, type ProblemCode } from '../../openapi/model/index.ts'
import { problemHeaders } from './headers.ts'
import { takes, type Response, type Route } from './document.ts'

const readFailures = [
  'provider_error',
  'provider_auth_failed',
  'provider_permission_denied'
] as const
const unavailable = [
  'provider_unavailable',
  'provider_rate_limited',
  'cloud_disabled',
  'issuer_unavailable',
  'shutting_down',
  'overloaded'
] as const

/**
 * The problem responses of the document: a name for each set of codes of one status. Some generators make a type of
 * each name.
 */
export const problemResponses = {
  BadRequest: ['invalid_request'],
  Unauthenticated: ['unauthenticated'],
  PermissionDenied: ['permission_denied'],
  ChangeNotAllowed: ['origin_not_allowed', 'permission_denied'],
  CloudNotFound: ['cloud_not_found'],
  NotFound: ['resource_not_found'],
  CloudOrResourceNotFound: ['cloud_not_found', 'resource_not_found'],
  NotAcceptable: ['not_acceptable'],
  RequestTimeout: ['request_timeout'],
  CreateConflict: [
    'already_exists',
    'invalid_state',
    'in_use',
    'protected',
    'provider_quota_exceeded',
    'idempotency_in_progress'
  ],
  ChangeConflict: [
    'invalid_state',
    'operation_in_progress',
    'in_use',
    'already_exists',
    'protected',
    'provider_quota_exceeded'
  ],
  AssignConflict: ['already_assigned', 'invalid_state', 'operation_in_progress'],
  PreconditionFailed: ['precondition_failed'],
  PayloadTooLarge: ['payload_too_large'],
  UriTooLong: ['uri_too_long'],
  UnsupportedMediaType: ['unsupported_media_type'],
  HostNotAllowed: ['host_not_allowed', 'connection_not_protected'],
  ConnectionNotProtected: ['connection_not_protected'],
  Invalid: ['validation_failed'],
  Rejected: ['validation_failed', 'provider_rejected'],
  CreateRejected: ['validation_failed', 'provider_rejected', 'idempotency_mismatch'],
  RateLimited: ['rate_limited'],
  InternalError: ['internal_error'],
  NotSupported: ['not_supported'],
  OutcomeUnknown: ['outcome_unknown'],
  CloudFailed: [...readFailures],
  ChangeFailed: [...readFailures, 'outcome_unknown'],
  ServerUnavailable: ['shutting_down', 'store_unavailable', 'issuer_unavailable', 'overloaded'],
  CloudUnavailable: [...unavailable, 'store_unavailable'],
  ChangeUnavailable: [...unavailable, 'provider_capacity', 'store_unavailable'],
  CloudTimeout: ['provider_timeout']
} as const satisfies Record<string, readonly ProblemCode[]>

export type ProblemResponse = keyof typeof problemResponses

/** Operations below a cloud that read only the store of this server. */
const readsOnlyStore = new Set(['listNodeOperations'])
/** Operations that report the failure of a cloud in its health. */
const reportsHealth = new Set(['getCloud', 'refreshCloud'])

/** Returns the problem responses that an operation can have. */
export function problemsOf ({ path, method, operation }: Route): ProblemResponse[] {
  const { operationId, requestBody } = operation
  const isBelowCloud = path.includes('/clouds/{cloud}')
  const hasId = /\{(?!cloud\})/.test(path)
  const isChange = method !== 'get'
  const isHealth = path.startsWith('/health/')
  const callsCloud = isBelowCloud && !readsOnlyStore.has(operationId) &&
    !reportsHealth.has(operationId)
  const listsAll = takes(operation, 'partial') && !isBelowCloud
  // An action without fields has no body in the document, but accepts {} and null.
  const mayHaveBody = requestBody !== undefined || method === 'post'
  const isCreate = takes(operation, 'idempotency-key')
  const { 'x-required-level': level = 'open' } = operation
  const isAssign = operationId === 'assignNode'
  const needsCaller = level !== 'open'
  // What a webhook may send decides who may have it.
  const isRestricted = level !== 'read' || path.includes('/webhooks')

  const found: (ProblemResponse | false)[] = [
    'BadRequest',
    needsCaller && 'Unauthenticated',
    needsCaller && isRestricted && (isChange ? 'ChangeNotAllowed' : 'PermissionDenied'),
    isBelowCloud &&
    (hasId || (callsCloud && isChange) ? 'CloudOrResourceNotFound' : 'CloudNotFound'),
    !isBelowCloud && (hasId ? 'NotFound' : takes(operation, 'cloud') && 'CloudNotFound'),
    !isHealth && 'NotAcceptable',
    mayHaveBody && 'RequestTimeout',
    isCreate
      ? 'CreateConflict'
      : isAssign
        ? 'AssignConflict'
        : callsCloud && isChange && 'ChangeConflict',
    isBelowCloud && isChange && 'PreconditionFailed',
    mayHaveBody && 'PayloadTooLarge',
    hasId && 'UriTooLong',
    mayHaveBody && 'UnsupportedMediaType',
    isHealth ? 'ConnectionNotProtected' : 'HostNotAllowed',
    isCreate ? 'CreateRejected' : callsCloud || listsAll ? 'Rejected' : 'Invalid',
    needsCaller && 'RateLimited',
    'InternalError',
    (callsCloud || listsAll) && 'NotSupported',
    isCreate && !callsCloud && 'OutcomeUnknown',
    callsCloud && isChange ? 'ChangeFailed' : (callsCloud || listsAll) && 'CloudFailed',
    callsCloud && isChange && 'ChangeUnavailable',
    !(callsCloud && isChange) &&
    (callsCloud || listsAll || isChange ? 'CloudUnavailable' : 'ServerUnavailable'),
    (callsCloud || listsAll) && 'CloudTimeout'
  ]
  return found.filter((name) => name !== false)
}

/** Returns the HTTP status of a problem response. */
export const statusOf = (name: ProblemResponse) => problems[problemResponses[name][0]].status

/** Problems that are found before the caller of a request is known. */
const beforeCaller = new Set<ProblemResponse>([
  'Unauthenticated',
  'NotAcceptable',
  'UriTooLong',
  'HostNotAllowed',
  'ConnectionNotProtected'
])

const any: Response = {
  description: 'Another problem.',
  headers: problemHeaders(true),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
}

/** Describes the responses for `components.responses`. */
export function describeProblems (): Record<string, Response> {
  const known = Object.entries(problemResponses).map(([name, codes]) => {
    const description = codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' ')
    const headers = problemHeaders(!beforeCaller.has(name as ProblemResponse))
    return [name, { ...any, description, headers, 'x-problem-codes': codes }] as const
  })
  return { ...Object.fromEntries(known), Problem: any }
}

const refTo = (name: string) => ({ $ref: `#/components/responses/${name}` })

/** Adds to an operation the problem responses that it can have, beside `4XX` and `5XX` for any other. */
export function addProblems (route: Route) {
  const found = problemsOf(route).map((name) => [String(statusOf(name)), refTo(name)] as const)
  const others = { '4XX': refTo('Problem'), '5XX': refTo('Problem') }
  Object.assign(route.operation.responses, Object.fromEntries(found), others)
}
