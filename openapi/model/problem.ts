import { Type, type Static } from '#typebox'
import { decimal, integer, nullableString, openEnum } from './common.ts'
import { model } from './model.ts'

interface CatalogEntry {
  status: number
  title: string
  /** The next step for the caller. An error may bring a more specific one. */
  hint: string
  retryable?: true
}

/** Every error of this API: its code, HTTP status, title, and the next step. */
export const problems = {
  invalid_request: {
    status: 400,
    title: 'The request cannot be parsed',
    hint: 'Correct the request. /docs describes its form.'
  },
  validation_failed: {
    status: 422,
    title: 'The request is not valid',
    hint: 'Correct the fields listed under `errors`. /docs describes each field.'
  },
  provider_rejected: {
    status: 422,
    title: 'The cloud refused the request',
    hint: 'Correct the request. `provider_error` has the reason.'
  },
  idempotency_mismatch: {
    status: 422,
    title: 'This Idempotency-Key was used for another request',
    hint: 'Use a new Idempotency-Key for each new request.'
  },
  unauthenticated: {
    status: 401,
    title: 'The request has no valid credentials',
    hint:
      'Send a key of this server, or a token of its OpenID Connect issuer, as `Authorization: Bearer …`.'
  },
  permission_denied: {
    status: 403,
    title: 'The caller may not do this',
    hint: 'Ask the administrator of this server for permission.'
  },
  origin_not_allowed: {
    status: 403,
    title: 'The web page may not use this server',
    hint: 'To allow the pages of an origin, add it to `cors.origins` in the settings of the server.'
  },
  cloud_not_found: {
    status: 404,
    title: 'The cloud does not exist',
    hint: 'GET /api/v2/clouds lists the clouds.'
  },
  resource_not_found: {
    status: 404,
    title: 'The resource does not exist',
    hint: 'List the collection to see which resources exist.'
  },
  route_not_found: {
    status: 404,
    title: 'The route does not exist',
    hint: 'See /docs for all routes and methods.'
  },
  method_not_allowed: {
    status: 405,
    title: 'The path does not have this method',
    hint: 'The header Allow lists the methods of the path.'
  },
  not_acceptable: {
    status: 406,
    title: 'The server cannot respond with the requested media type',
    hint: 'Accept application/json.'
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    hint: 'Send the whole request without pauses.',
    retryable: true
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large',
    hint: 'Send a smaller body.'
  },
  uri_too_long: {
    status: 414,
    title: 'The URL is too long',
    hint: 'Send a shorter path and query.'
  },
  unsupported_media_type: {
    status: 415,
    title: 'The media type of the body is not supported',
    hint: 'Send application/json.'
  },
  invalid_state: {
    status: 409,
    title: 'The state of the resource does not allow this',
    hint: '`allowed_actions` lists the actions that the present state allows.'
  },
  already_exists: {
    status: 409,
    title: 'The resource already exists',
    hint: 'Choose another name, or use the existing resource.'
  },
  already_assigned: {
    status: 409,
    title: 'The node is assigned already',
    hint: 'Choose another node, or release this one first.'
  },
  in_use: {
    status: 409,
    title: 'The resource is in use',
    hint: 'First detach or delete the resources that use it.'
  },
  protected: {
    status: 409,
    title: 'The resource is protected',
    hint: 'First PATCH it with {"protected": false}.'
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running',
    hint: 'Wait, then send the same request again.',
    retryable: true
  },
  operation_in_progress: {
    status: 409,
    title: 'The same action is under way with another input',
    hint: 'Wait for the end of the operation in `operation`, then send the request again.',
    retryable: true
  },
  provider_quota_exceeded: {
    status: 409,
    title: 'A quota of the cloud is exceeded',
    hint: 'Delete resources that you do not need, or ask the cloud for a higher quota.'
  },
  precondition_failed: {
    status: 412,
    title: 'A condition of the request does not hold',
    hint: 'Read the resource again and decide again.'
  },
  host_not_allowed: {
    status: 421,
    title: 'The server does not answer to this host name',
    hint:
      'Use an IP address or localhost, or add the name to `allowed_hosts` in the settings of the server.'
  },
  connection_not_protected: {
    status: 421,
    title: 'The connection to the server is not protected',
    hint:
      'Use the HTTPS address of the proxy. To serve HTTPS without one, set `tls` in the settings of the server.'
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests to this server',
    hint: 'Wait for the time in `retry_after`.',
    retryable: true
  },
  internal_error: {
    status: 500,
    title: 'The server failed',
    hint: 'The log of the server has the cause under this request_id.'
  },
  not_supported: {
    status: 501,
    title: 'The cloud does not support this',
    hint: 'GET /api/v2/clouds/{cloud} lists the capabilities of the cloud.'
  },
  provider_error: {
    status: 502,
    title: 'The cloud failed, or its response is not valid',
    hint: 'Check the state of the cloud itself.',
    retryable: true
  },
  provider_auth_failed: {
    status: 502,
    title: 'The cloud did not accept the credentials of this server',
    hint: "Check the credentials in the cloud's settings with `orchestrator check`."
  },
  provider_permission_denied: {
    status: 502,
    title: "The cloud does not allow this for the server's account",
    hint: 'Give the account the required role at the cloud.'
  },
  provider_unavailable: {
    status: 503,
    title: 'The cloud cannot be reached',
    hint: 'Check the network, and check the address in the settings with `orchestrator check`.',
    retryable: true
  },
  provider_rate_limited: {
    status: 503,
    title: 'The cloud limits the rate of requests',
    hint: 'Wait for the time in `retry_after`.',
    retryable: true
  },
  provider_capacity: {
    status: 503,
    title: 'The cloud has no capacity for this at present',
    hint: 'Try another size or availability zone, or try again later.',
    retryable: true
  },
  cloud_disabled: {
    status: 503,
    title: 'The cloud is disabled in the settings',
    hint: 'Set `enabled: true` for the cloud and restart the server.'
  },
  store_unavailable: {
    status: 503,
    title: 'The server cannot write to its store',
    hint:
      'Nothing was sent to the cloud. Send the request again later. The log of the server has the reason.',
    retryable: true
  },
  overloaded: {
    status: 503,
    title: 'The server has more work than it can do',
    hint: 'Wait for the time in `retry_after`, and send fewer requests at once.',
    retryable: true
  },
  issuer_unavailable: {
    status: 503,
    title: 'The issuer of the token cannot be reached',
    hint:
      'Send the request again later. The administrator of this server finds the reason in its log.',
    retryable: true
  },
  shutting_down: {
    status: 503,
    title: 'The server is shutting down',
    hint: 'Send the request again in a moment.',
    retryable: true
  },
  provider_timeout: {
    status: 504,
    title: 'The cloud did not answer in time',
    hint: 'Try again, or increase `timeout` of the cloud in the settings.',
    retryable: true
  },
  outcome_unknown: {
    status: 502,
    title: 'The outcome at the cloud is not known',
    hint: 'List the collection at the cloud before you try again.'
  }
} satisfies Record<string, CatalogEntry>

export type ProblemCode = keyof typeof problems
export const ProblemCode = model(
  'ProblemCode',
  openEnum(Object.keys(problems) as ProblemCode[], 'The kind of the error, for programs.')
)

export const FieldError = model(
  'FieldError',
  Type.Object({
    in: Type.Enum(['body', 'query', 'path', 'header'], { type: 'string' }),
    pointer: Type.String({
      description: 'JSON Pointer of the field; "" means the whole part.',
      examples: ['/image_id']
    }),
    message: Type.String({ description: 'The expected value.' })
  }, { description: 'A field of the request that is not valid.' })
)
export type FieldError = Static<typeof FieldError>

export const ProviderError = model(
  'ProviderError',
  Type.Object({
    code: nullableString(),
    message: nullableString(),
    request_id: nullableString("The cloud's own id of the request, for its support.")
  }, { description: 'The error of the cloud itself.' })
)
export type ProviderError = Static<typeof ProviderError>

export type Problem = Static<typeof Problem>
export const Problem = model(
  'Problem',
  Type.Object({
    type: Type.String({
      description:
        'A URI reference that identifies the kind of problem, and the page of this server about it.',
      examples: ['/problems/invalid_state']
    }),
    title: Type.String(),
    status: integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'A sentence for people: what happened.' }),
    instance: Type.Optional(Type.String({ description: 'The path of the request.' })),
    code: ProblemCode,
    request_id: Type.Optional(Type.String({ description: 'The X-Request-Id of the request.' })),
    cloud: Type.Optional(Type.String()),
    driver: Type.Optional(Type.String()),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
    retry_after: Type.Optional(decimal({ description: 'Seconds to wait before the next try.' })),
    hint: Type.String({ description: 'The next step for the caller.' }),
    capability: Type.Optional(Type.String({
      description: 'With not_supported: the missing capability of the cloud.',
      examples: ['nodes.create.count']
    })),
    operation: Type.Optional(Type.String({
      description: 'With operation_in_progress: the path of the operation under way.'
    })),
    state: Type.Optional(Type.String({ description: 'With invalid_state: the present state.' })),
    allowed_actions: Type.Optional(Type.Array(Type.String(), {
      description: 'With invalid_state: the actions that the state allows.'
    })),
    provider_error: Type.Optional(ProviderError),
    errors: Type.Optional(
      Type.Array(FieldError, { description: 'With validation_failed: every invalid field.' })
    )
  }, { description: 'RFC 9457 problem details. Every error has this form.' })
)

export type ProblemDetails = Partial<Omit<Problem, 'type' | 'title' | 'status' | 'code'>> & {
  cause?: unknown
  /** Whether the request may have taken effect at the cloud although its response is missing. */
  outcomeUnknown?: boolean
}

/** Marks the errors of every copy of this package: a driver in its own folder may bring a second copy. */
const brand = Symbol.for('cloud-orchestrator.ProblemError')

/** An error of the catalog. Drivers and routes throw no other error on purpose. */
export class ProblemError extends Error {
  /** Recognizes the errors of other copies of this package too. Their `code` may be one that this copy lacks. */
  static override [Symbol.hasInstance] (value: unknown): value is ProblemError {
    return typeof value === 'object' && value !== null && brand in value
  }

  readonly code: ProblemCode
  readonly status: number
  readonly details: Omit<ProblemDetails, 'cause' | 'outcomeUnknown'>
  readonly outcomeUnknown: boolean

  constructor (
    code: ProblemCode,
    detail: string,
    { cause, outcomeUnknown = false, ...details }: ProblemDetails = {}
  ) {
    super(detail, { cause })
    this.name = 'ProblemError'
    this.code = code
    this.status = problems[code].status
    // A detail that is undefined must not hide the default of the catalog.
    this.details = Object.fromEntries(
      Object.entries(details).filter(([, value]) => value !== undefined)
    )
    this.outcomeUnknown = outcomeUnknown
  }

  /** Copies this error with the given differences. The copy keeps `outcomeUnknown`; this error becomes its cause. */
  with (
    { code = this.code, detail = this.message, ...more }: ProblemDetails & { code?: ProblemCode }
  ): ProblemError {
    const { details, outcomeUnknown } = this
    return new ProblemError(code, detail, { ...details, outcomeUnknown, cause: this, ...more })
  }
}
Object.defineProperty(ProblemError.prototype, brand, { value: true })

/**
 * Returns the error with a code and a status of this catalog. An error of another version of this package may have a
 * code that this version lacks: it becomes `provider_error`.
 */
export function toKnownProblem (error: ProblemError): ProblemError {
  const isKnown = Object.hasOwn(problems, error.code)
  if (isKnown && error.status === problems[error.code].status) return error
  const { message, details, outcomeUnknown } = error
  const detail = isKnown ? message : `${message} (${error.code})`
  return new ProblemError(isKnown ? error.code : 'provider_error', detail, {
    ...details,
    outcomeUnknown,
    cause: error
  })
}

/** Returns the response body of an error. It has neither `cause` nor stack, which are for the log. */
export function toProblem (error: ProblemError, context: Partial<Problem> = {}): Problem {
  const entry: CatalogEntry = problems[error.code]
  return {
    type: `/problems/${error.code}`,
    title: entry.title,
    status: entry.status,
    detail: error.message,
    code: error.code,
    retryable: entry.retryable ?? false,
    hint: entry.hint,
    ...context,
    ...error.details
  }
}
