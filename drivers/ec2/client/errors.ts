import { ProblemError, type ProblemCode } from '../../../openapi/model/index.ts'
import { explainTransport } from '../../common/http.ts'
import { isOutcomeUnknown } from '../../common/outcome.ts'

interface ServiceError {
  name?: string
  /** Set by the SDK if it could parse the refusal. */
  $fault?: string
  message?: string
  Code?: string
  $metadata?: { httpStatusCode?: number, requestId?: string }
  RequestID?: string
  RequestId?: string
  requestId?: string
}

/** The SDK uses these words if it could not read a code or a message. */
const unreadable = /^Unknown(Error)?$/

/** Returns the cloud's code of an error of the SDK; '' if it has none. */
export const codeOf = (error: unknown): string => {
  const { name = '', Code = '', $fault: fault } = error as ServiceError
  // The SDK puts the code in the place of the class name.
  const code = Code === '' ? name : Code
  return fault === undefined || unreadable.test(code) ? '' : code
}

/** Returns the HTTP status of an error; undefined if there was no response. */
export const statusOf = (error: unknown): number | undefined =>
  (error as ServiceError).$metadata?.httpStatusCode

const startingWith = (...words: string[]) => new RegExp(`^(${words.join('|')})`)

const throttling = startingWith(
  'RequestLimitExceeded',
  'Throttl',
  'RequestThrottled',
  'EC2Throttled',
  'BandwidthLimitExceeded',
  'SlowDown',
  'TooManyRequests'
)

export const isThrottling = (error: unknown) =>
  throttling.test(codeOf(error)) || statusOf(error) === 429

/** Creates the error for a response that makes no sense. */
export const malformed = (message: string, read = true) =>
  new ProblemError('provider_error', message, {
    outcomeUnknown: isOutcomeUnknown({ read, answer: 'malformed' })
  })

/** Creates the error for a resource that does not exist. */
export const notFound = (itemName: string, id: string) =>
  new ProblemError('resource_not_found', `There is no ${itemName} ${id}`)

/** Whether an error is one of these problems. */
export const isProblem = (error: unknown, ...codes: ProblemCode[]): error is ProblemError =>
  error instanceof ProblemError && codes.includes(error.code)

/** Returns the code in the refusal of a cloud; '' if it has none. */
export const providerCodeOf = (error: unknown) =>
  error instanceof ProblemError ? error.details.provider_error?.code ?? '' : ''

const authFailures = startingWith(
  'AuthFailure',
  'InvalidClientTokenId',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'UnrecognizedClient',
  'ExpiredToken',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'RequestInTheFuture',
  'InvalidSignature',
  'MissingAuthenticationToken',
  'IncompleteSignature',
  'InvalidSecurity',
  'CredentialsProviderError',
  'TokenProviderError'
)

const permissionFailures = startingWith(
  'UnauthorizedOperation',
  'Unauthorized',
  'AccessDenied',
  'OptInRequired',
  'Blocked',
  'PendingVerification',
  'PendingSnapshotLimit',
  'AccountDisabled'
)

/**
 * Maps families of codes to problems; the first match wins. From Amazon's list of error codes of the EC2 API;
 * Eucalyptus uses the same names. Only codes, because messages change.
 */
const families: ReadonlyArray<readonly [RegExp, ProblemCode]> = [
  [throttling, 'provider_rate_limited'],
  [/^Insufficient|^InstanceTypeNotSupported|^SpotMaxPriceTooLow$/, 'provider_capacity'],
  [
    /LimitExceeded|^MaxSpotInstanceCountExceeded$|^ResourceCountExceeded|^MaxIOPSLimit|QuotaExceeded/,
    'provider_quota_exceeded'
  ],
  [authFailures, 'provider_auth_failed'],
  [permissionFailures, 'provider_permission_denied'],
  [/^Invalid(Next|Pagination)Token/, 'invalid_request'],
  [/^(InvalidAction|UnsupportedProtocol|NotImplemented)/, 'not_supported'],
  [/\.Duplicate|AlreadyExists/, 'already_exists'],
  [/InUse$|^DependencyViolation|AlreadyAssociated|AlreadyAttached|^CannotDelete/, 'in_use'],
  [
    /^Incorrect|^InvalidState|\.Incorrect|^UnsupportedHibernationConfiguration|^NotExportable|^InvalidInstanceState/,
    'invalid_state'
  ],
  [/NotFound|^NoSuch|^InvalidInstanceID$|\.Unavailable$/, 'resource_not_found'],
  [/^(InternalError|InternalFailure)/, 'provider_error'],
  [/^(ServiceUnavailable|Unavailable)/, 'provider_unavailable'],
  // The account lacks the right, or a protection forbids the action. Only the caller knows which.
  [/^OperationNotPermitted/, 'provider_permission_denied']
]

const codesByStatus: Readonly<Record<number, ProblemCode>> = {
  401: 'provider_auth_failed',
  403: 'provider_permission_denied',
  404: 'resource_not_found',
  429: 'provider_rate_limited',
  503: 'provider_unavailable'
}

function toProblemCode (code: string, status: number): ProblemCode {
  // The pipeline of Eucalyptus refuses keys, signatures and clocks with 403 (seen in its sources).
  if (code === '403 Forbidden') return 'provider_auth_failed'
  const fallback = status < 500 ? 'provider_rejected' : 'provider_error'
  // Faults of that pipeline have the status line in the place of a code: `400 Bad Request`.
  if (code === '' || code.includes(' ')) return codesByStatus[status] ?? fallback
  return families.find(([pattern]) => pattern.test(code))?.[1] ?? fallback
}

const clockErrors = /^(RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)/

function hintOf (code: string, problem: ProblemCode) {
  if (clockErrors.test(code)) {
    return 'The clocks of this server and of the cloud differ: set the clock by NTP.'
  }
  return problem === 'provider_capacity'
    ? 'Try another size or availability zone, or try later.'
    : undefined
}

const requestIdOf = ({ $metadata, RequestID, RequestId, requestId }: ServiceError) =>
  $metadata?.requestId ?? RequestID ?? RequestId ?? requestId ?? null

function messageOf ({ message = '', $fault: fault }: ServiceError) {
  return fault === undefined || message === '' || unreadable.test(message)
    ? null
    : message.slice(0, 1000)
}

/**
 * Translates an error of the SDK: a refusal by its code, a failed connection by the transport's code, a response that
 * cannot be parsed as provider_error. `outcomeUnknown` tells whether a change may have been made.
 */
export function toProblemError (error: unknown, read: boolean): ProblemError {
  if (error instanceof ProblemError) {
    const isExplained = error.outcomeUnknown === !read || error.code !== 'provider_error'
    return isExplained ? error : malformed(error.message, read)
  }
  const status = statusOf(error)
  if (status === undefined) return explainNoResponse(error, read)
  if (status < 300) {
    const message = 'The response of the cloud is not valid XML of the EC2 API'
    const outcomeUnknown = isOutcomeUnknown({ read, answer: 'malformed' })
    return new ProblemError('provider_error', message, { cause: error, outcomeUnknown })
  }
  const serviceError = error as ServiceError
  const code = codeOf(error)
  const problem = toProblemCode(code, status)
  const message = messageOf(serviceError)
  const details = {
    provider_error: {
      code: code === '' ? String(status) : code,
      message,
      request_id: requestIdOf(serviceError)
    },
    cause: error,
    outcomeUnknown: isOutcomeUnknown({ read, answer: status, cloud: 'ec2', code })
  }
  const hint = hintOf(code, problem)
  // An undefined hint would replace the hint of the catalogue.
  return new ProblemError(
    problem,
    message ?? `The cloud answered ${status}`,
    hint ? { ...details, hint } : details
  )
}

function explainNoResponse (error: unknown, read: boolean) {
  const { name, message, code } = error as ServiceError & { code?: string }
  if (name === 'TimeoutError' && (code === undefined || code === 'ETIMEDOUT')) {
    const detail = 'The cloud did not answer in time'
    const outcomeUnknown = isOutcomeUnknown({ read, answer: 'lost' })
    return new ProblemError('provider_timeout', detail, { cause: error, outcomeUnknown })
  }
  if (name !== 'CredentialsProviderError' && name !== 'TokenProviderError') {
    return explainTransport(error, read)
  }
  // The SDK sent nothing.
  return new ProblemError(
    'provider_auth_failed',
    `Reading the credentials failed: ${message ?? name}`,
    {
      cause: error,
      hint: 'Check access_key_id, secret_access_key, profile and role_arn of this cloud.'
    }
  )
}
