import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { nullable } from './common.ts'

interface Entry {
  status: number
  title: string
  /** What the caller can do next. An error may bring a better one. */
  hint: string
  retryable?: true
}

/** Every error that this API answers with: its code, HTTP status, title, and what to do next. */
export const problems = {
  invalid_request: { status: 400, title: 'The request cannot be parsed', hint: 'Correct the request; see /docs for its form.' },
  validation_failed: { status: 422, title: 'The request is not valid', hint: 'Correct the fields listed under `errors`; see /docs for what each accepts.' },
  provider_rejected: { status: 422, title: 'The cloud refused the request', hint: 'The reason is in `provider_error`; correct the request.' },
  idempotency_mismatch: { status: 422, title: 'This Idempotency-Key was used for another request', hint: 'Use a new Idempotency-Key for each new request.' },
  unauthenticated: { status: 401, title: 'Who is calling is not known', hint: 'Send valid credentials for this server.' },
  permission_denied: { status: 403, title: 'The caller may not do this', hint: 'Ask the administrator of this server.' },
  cloud_not_found: { status: 404, title: 'No cloud has this name', hint: 'GET /api/v2/clouds lists the clouds there are.' },
  resource_not_found: { status: 404, title: 'The resource does not exist', hint: 'List the collection to see what exists.' },
  route_not_found: { status: 404, title: 'There is no such route', hint: 'See /docs for the routes and methods there are.' },
  not_acceptable: { status: 406, title: 'The answer cannot be given in the type asked for', hint: 'Accept application/json.' },
  payload_too_large: { status: 413, title: 'The body is too large', hint: 'Send a smaller body.' },
  uri_too_long: { status: 414, title: 'The URL is too long', hint: 'Send a shorter path and query.' },
  unsupported_media_type: { status: 415, title: 'The body is of an unsupported type', hint: 'Send application/json.' },
  invalid_state: { status: 409, title: 'The resource is in a state that does not allow this', hint: '`allowed_actions` lists what the present state allows.' },
  already_exists: { status: 409, title: 'Such a resource exists already', hint: 'Choose another name, or use the resource there is.' },
  in_use: { status: 409, title: 'The resource is in use', hint: 'Detach or delete what uses it first.' },
  protected: { status: 409, title: 'The resource is protected', hint: 'PATCH it with {"protected": false} first.' },
  idempotency_in_progress: { status: 409, title: 'The first request with this Idempotency-Key is still running', hint: 'Wait, then send the same request again.', retryable: true },
  provider_quota_exceeded: { status: 409, title: 'A quota of the cloud is exceeded', hint: 'Delete what is not needed, or have the quota raised at the cloud.' },
  precondition_failed: { status: 412, title: 'A condition of the request does not hold', hint: 'Read the resource again and decide anew.' },
  rate_limited: { status: 429, title: 'Too many requests to this server', hint: 'Wait as long as `retry_after` says.', retryable: true },
  internal_error: { status: 500, title: 'This server failed', hint: 'The log of the server has the cause under this request_id.' },
  not_supported: { status: 501, title: 'This cloud cannot do this', hint: 'GET /api/v2/clouds/{cloud} lists what it can do.' },
  provider_error: { status: 502, title: 'The cloud failed, or its answer made no sense', hint: 'Look at the state of the cloud itself.', retryable: true },
  provider_auth_failed: { status: 502, title: 'The cloud did not accept the credentials of this server', hint: "Check the credentials in the cloud's settings with `orchestrator check`." },
  provider_permission_denied: { status: 502, title: 'The cloud does not let the account of this server do this', hint: 'Give the account the role it needs at the cloud.' },
  provider_unavailable: { status: 503, title: 'The cloud cannot be reached', hint: 'Check the network and the address in the settings with `orchestrator check`.', retryable: true },
  provider_rate_limited: { status: 503, title: 'The cloud wants fewer requests', hint: 'Wait as long as `retry_after` says.', retryable: true },
  provider_capacity: { status: 503, title: 'The cloud has no room for this at present', hint: 'Try another size or availability zone, or try later.', retryable: true },
  cloud_disabled: { status: 503, title: 'The cloud is switched off in the settings', hint: 'Set `enabled: true` for it and restart the server.' },
  shutting_down: { status: 503, title: 'The server is shutting down', hint: 'Send the request again in a moment.', retryable: true },
  provider_timeout: { status: 504, title: 'The cloud did not answer in time', hint: 'Try again, or raise `timeout` of this cloud in the settings.', retryable: true },
  outcome_unknown: { status: 502, title: 'It is not known whether the cloud did it', hint: 'List the collection at the cloud before you try again.' }
} satisfies Record<string, Entry>

export type ProblemCode = keyof typeof problems
const ProblemCode = model('ProblemCode', Type.Enum(Object.keys(problems) as ProblemCode[], {
  type: 'string', description: 'What happened, for a program.'
}))

const FieldError = model('FieldError', Type.Object({
  in: Type.Enum(['body', 'query', 'path', 'header'], { type: 'string' }),
  pointer: Type.String({ description: 'JSON Pointer of the field, "" for the whole.', examples: ['/image_id'] }),
  message: Type.String({ description: 'What was expected.' })
}, { description: 'A field of the request that is at fault.' }))
export type FieldError = Static<typeof FieldError>

const ProviderError = model('ProviderError', Type.Object({
  code: nullable(Type.String()),
  message: nullable(Type.String()),
  request_id: nullable(Type.String({ description: "The cloud's own id of the request, for its support." }))
}, { description: 'What the cloud itself said.' }))
export type ProviderError = Static<typeof ProviderError>

export type Problem = Static<typeof Problem>
export const Problem = model('Problem', Type.Object({
  type: Type.String({ description: 'A URI reference naming the kind of problem.', examples: ['/docs#invalid_state'] }),
  title: Type.String(),
  status: Type.Integer({ description: 'The HTTP status.' }),
  detail: Type.String({ description: 'What happened, for a human.' }),
  instance: Type.Optional(Type.String({ description: 'The path that was asked for.' })),
  code: ProblemCode,
  request_id: Type.Optional(Type.String({ description: 'The X-Request-Id of the request.' })),
  cloud: Type.Optional(Type.String()),
  driver: Type.Optional(Type.String()),
  retryable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
  retry_after: Type.Optional(Type.Number({ description: 'Seconds to wait before the next try.' })),
  hint: Type.String({ description: 'What to do next.' }),
  capability: Type.Optional(Type.String({ description: 'With not_supported: what the cloud lacks.', examples: ['nodes.create.count'] })),
  state: Type.Optional(Type.String({ description: 'With invalid_state: the present state.' })),
  allowed_actions: Type.Optional(Type.Array(Type.String(), { description: 'With invalid_state: what it allows.' })),
  provider_error: Type.Optional(ProviderError),
  errors: Type.Optional(Type.Array(FieldError, { description: 'With validation_failed: every field at fault.' }))
}, { description: 'RFC 9457 problem details: the one form of every error.' }))

export type ProblemDetails = Partial<Omit<Problem, 'type' | 'title' | 'status' | 'code'>> & {
  cause?: unknown
  /** True where the request may have taken effect at the cloud although no answer says so. */
  outcomeUnknown?: boolean
}

/** An error of the one catalogue: everything that a driver or a route throws on purpose. */
export class ProblemError extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly details: Omit<ProblemDetails, 'cause' | 'outcomeUnknown'>
  readonly outcomeUnknown: boolean

  constructor (code: ProblemCode, detail: string, { cause, outcomeUnknown = false, ...details }: ProblemDetails = {}) {
    super(detail, cause === undefined ? {} : { cause })
    this.name = 'ProblemError'
    this.code = code
    this.status = problems[code].status
    this.details = details
    this.outcomeUnknown = outcomeUnknown
  }

  /** Copies this error with the given differences. The copy keeps `outcomeUnknown`; this error becomes its cause. */
  with ({ code = this.code, detail = this.message, ...more }: ProblemDetails & { code?: ProblemCode }): ProblemError {
    return new ProblemError(code, detail, { ...this.details, outcomeUnknown: this.outcomeUnknown, cause: this, ...more })
  }
}

/** The body that tells an error. `cause` and the stack stay here: they are for the log. */
export function toProblem (error: ProblemError, context: Partial<Problem> = {}): Problem {
  const entry: Entry = problems[error.code]
  return {
    type: `/docs#${error.code}`,
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
