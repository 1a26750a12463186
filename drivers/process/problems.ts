import {
  ProblemError,
  problems,
  type FieldError,
  type ProblemCode,
  type ProviderError
} from '../../openapi/model/index.ts'

/** The error of an answer, as JSON-RPC and README.md define it. */
export interface RpcError {
  code: number
  message: string
  data?: unknown
}

interface ErrorData {
  code?: unknown
  outcome_unknown?: unknown
  retry_after?: unknown
  provider_error?: Partial<ProviderError> | null
  errors?: Partial<FieldError>[]
  hint?: unknown
  capability?: unknown
  state?: unknown
  allowed_actions?: unknown
}

const methodNotFound = -32_601

const text = (value: unknown) => typeof value === 'string' && value !== '' ? value : undefined

const toProviderError = (
  { code, message, request_id: id }: Partial<ProviderError>
): ProviderError => ({
  code: text(code) ?? null,
  message: text(message) ?? null,
  request_id: text(id) ?? null
})

const toFieldErrors = (errors: Partial<FieldError>[]): FieldError[] =>
  errors.map(({ in: part = 'body', pointer = '', message = 'is not valid' }) => ({
    in: part,
    pointer,
    message
  }))

/**
 * Converts the error of an answer to one of the catalog. An error without a code of the catalog is a defect of the
 * driver; a change may then have been made.
 */
export function toError (
  { code: rpcCode, message, data }: RpcError,
  method: string,
  isRead: boolean
): ProblemError {
  const details = (typeof data === 'object' && data !== null ? data : {}) as ErrorData
  const {
    code,
    outcome_unknown: isUnknown,
    retry_after: wait,
    provider_error: own,
    errors,
    state
  } = details
  const shown = text(message) ?? 'The driver gave no reason'
  if (rpcCode === methodNotFound && code === undefined) {
    return new ProblemError('not_supported', `The driver cannot do ${method}`, {
      capability: method
    })
  }
  if (typeof code !== 'string') {
    return new ProblemError('internal_error', `The driver failed: ${shown}`, {
      outcomeUnknown: !isRead
    })
  }
  const isKnown = Object.hasOwn(problems, code)
  return new ProblemError(
    isKnown ? code as ProblemCode : 'provider_error',
    isKnown ? shown : `${shown} (${code})`,
    {
      outcomeUnknown: isUnknown === true && !isRead,
      retry_after: typeof wait === 'number' && wait >= 0 ? wait : undefined,
      provider_error: typeof own === 'object' && own !== null ? toProviderError(own) : undefined,
      errors: Array.isArray(errors) ? toFieldErrors(errors) : undefined,
      hint: text(details.hint),
      capability: text(details.capability),
      state: text(state),
      allowed_actions: Array.isArray(details.allowed_actions)
        ? details.allowed_actions as string[]
        : undefined
    }
  )
}
