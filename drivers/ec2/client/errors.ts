import { ProblemError, type ProblemCode, type ProviderError } from '../../../openapi/model/index.ts'
import { explainTransport } from '../../http.ts'

interface ServiceError {
  name?: string
  /** Of what the cloud has said; what could not be parsed has none. */
  $fault?: string
  message?: string
  Code?: string
  $metadata?: { httpStatusCode?: number, requestId?: string }
  RequestID?: string
  RequestId?: string
  requestId?: string
}

/** The cloud's code of an error; '' where it has none. */
export const codeOf = (error: unknown): string => {
  const { name = '', Code = '', $fault: fault } = error as ServiceError
  // The SDK puts the code in the place of the class's name, and makes one up where it has read none.
  const code = Code === '' ? name : Code
  return fault === undefined || /^Unknown(Error)?$/.test(code) ? '' : code
}

/** The HTTP status that an error came with; undefined where nothing was answered. */
export const statusOf = (error: unknown): number | undefined => (error as ServiceError).$metadata?.httpStatusCode

/** As Amazon writes it, and its relatives. */
const throttling = /^(RequestLimitExceeded|Throttl|RequestThrottled|EC2Throttled|BandwidthLimitExceeded|SlowDown|TooManyRequests)/

export const isThrottling = (error: unknown) => throttling.test(codeOf(error)) || statusOf(error) === 429

/** An answer that makes no sense. */
export const malformed = (message: string, read = true) => new ProblemError('provider_error', message, { outcomeUnknown: !read })

/**
 * Families of codes, the first that fits wins. From Amazon's list of error codes of the EC2 API; Eucalyptus uses the same
 * names. Codes only, never messages, which change.
 */
const families: ReadonlyArray<readonly [RegExp, ProblemCode]> = [
  [throttling, 'provider_rate_limited'],
  [/^Insufficient|^InstanceTypeNotSupported|^SpotMaxPriceTooLow$/, 'provider_capacity'],
  [/LimitExceeded|^MaxSpotInstanceCountExceeded$|^ResourceCountExceeded|^MaxIOPSLimit|QuotaExceeded/, 'provider_quota_exceeded'],
  [/^(AuthFailure|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|RequestExpired|RequestTimeTooSkewed|RequestInTheFuture|InvalidSignature|MissingAuthenticationToken|IncompleteSignature|InvalidSecurity|CredentialsProviderError|TokenProviderError)/, 'provider_auth_failed'],
  [/^(UnauthorizedOperation|Unauthorized|AccessDenied|OptInRequired|Blocked|PendingVerification|PendingSnapshotLimit|AccountDisabled)/, 'provider_permission_denied'],
  [/^Invalid(Next|Pagination)Token/, 'invalid_request'],
  [/^(InvalidAction|UnsupportedProtocol|NotImplemented)/, 'not_supported'],
  [/\.Duplicate|AlreadyExists|^InvalidAMIName\.Duplicate|^InvalidKeyPair\.Duplicate/, 'already_exists'],
  [/InUse$|^DependencyViolation|AlreadyAssociated|AlreadyAttached|^InvalidNetworkInterfaceAttachment\.InUse|^CannotDelete/, 'in_use'],
  [/^Incorrect|^InvalidState|\.Incorrect|^UnsupportedHibernationConfiguration|^NotExportable|^InvalidInstanceState/, 'invalid_state'],
  [/NotFound|^InvalidAMIID\.Unavailable|^NoSuch|^InvalidInstanceID$|\.Unavailable$/, 'resource_not_found'],
  [/^(InternalError|InternalFailure)/, 'provider_error'],
  [/^(ServiceUnavailable|Unavailable)/, 'provider_unavailable'],
  // The account may not end it, or its protection forbids it: only the caller of the action knows.
  [/^OperationNotPermitted/, 'provider_permission_denied']
]

/** The faults of Eucalyptus' pipeline have the status line in the place of a code: `400 Bad Request`. */
const byStatus = (status: number): ProblemCode => {
  if (status === 401) return 'provider_auth_failed'
  if (status === 403) return 'provider_permission_denied'
  if (status === 404) return 'resource_not_found'
  if (status === 429) return 'provider_rate_limited'
  if (status === 503) return 'provider_unavailable'
  return status < 500 ? 'provider_rejected' : 'provider_error'
}

function kindOf (code: string, status: number): ProblemCode {
  // The pipeline of Eucalyptus refuses keys, signatures and clocks with 403 (seen in its sources).
  if (code === '403 Forbidden') return 'provider_auth_failed'
  if (code === '' || code.includes(' ')) return byStatus(status)
  const family = families.find(([pattern]) => pattern.test(code))
  if (family !== undefined) return family[1]
  return status >= 500 ? 'provider_error' : 'provider_rejected'
}

const clock = /^(RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)/

const hints: Partial<Record<ProblemCode, string>> = {
  provider_capacity: 'Try another size or availability zone, or try later.'
}

const requestIdOf = ({ $metadata, RequestID, RequestId, requestId }: ServiceError) =>
  $metadata?.requestId ?? RequestID ?? RequestId ?? requestId ?? null

/**
 * An error of the SDK in the words of the catalogue: a refusal by its code, what is no answer by the transport's, an
 * answer that cannot be parsed as provider_error. Of a change, `outcomeUnknown` tells whether it may have been made.
 */
export function problemOf (error: unknown, read: boolean): ProblemError {
  if (error instanceof ProblemError) {
    return error.outcomeUnknown === !read || error.code !== 'provider_error' ? error : malformed(error.message, read)
  }
  const status = statusOf(error)
  if (status === undefined) return unanswered(error, read)
  const told = error as ServiceError
  if (status < 300) {
    return new ProblemError('provider_error', 'The cloud answered with something that is not its XML', { cause: error, outcomeUnknown: !read })
  }
  const code = codeOf(error)
  const kind = kindOf(code, status)
  const provider: ProviderError = { code: code === '' ? String(status) : code, message: messageOf(told), request_id: requestIdOf(told) }
  const hint = clock.test(code) ? 'The clock of this server and that of the cloud differ: set it by NTP.' : hints[kind]
  return new ProblemError(kind, provider.message ?? `The cloud answered ${status}`, {
    provider_error: provider,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    // A failure of the cloud itself, and what a gateway says in its place, leave it open whether a change was made.
    outcomeUnknown: !read && (kind === 'provider_error' || (status >= 500 && code === ''))
  })
}

/** The SDK answers `Unknown` or `UnknownError` where it has read no message. */
const messageOf = ({ message, $fault: fault }: ServiceError) =>
  fault === undefined || message === undefined || message === '' || /^Unknown(Error)?$/.test(message) ? null : message.slice(0, 1000)

function unanswered (error: unknown, read: boolean) {
  const { name, message, code } = error as ServiceError & { code?: string }
  if (name === 'TimeoutError' && (code === undefined || code === 'ETIMEDOUT')) {
    return new ProblemError('provider_timeout', 'The cloud did not answer in time', { cause: error, outcomeUnknown: !read })
  }
  if (name !== 'CredentialsProviderError' && name !== 'TokenProviderError') return explainTransport(error, read)
  // Nothing was sent.
  return new ProblemError('provider_auth_failed', `No credentials could be had: ${message ?? name}`, {
    cause: error, hint: 'Check access_key_id, secret_access_key, profile and role_arn of this cloud.'
  })
}
