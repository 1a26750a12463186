import { ProblemError, type ProblemCode } from '../../openapi/model/index.ts'

/** Maps the wording, or the code, of a provider's refusal to the request field at fault. */
export interface FieldRefusal {
  pattern: RegExp
  /** JSON Pointer of the field in the request body. */
  pointer: string
}

/** Turns a provider's refusal into validation_failed at one field of the body. */
export function pointTo (pointer: string, error: ProblemError): ProblemError {
  const message = error.details.provider_error?.message ?? error.message
  return error.with({
    code: 'validation_failed',
    detail: `The cloud refused the request: ${message}`,
    errors: [{ in: 'body', pointer, message }]
  })
}

/**
 * Turns a provider's refusal into validation_failed at the field of the first rule that matches `text`. Returns
 * undefined if no rule matches.
 */
export function pointToField (
  error: ProblemError,
  rules: readonly FieldRefusal[],
  text = error.details.provider_error?.message ?? ''
): ProblemError | undefined {
  const rule = rules.find(({ pattern }) => pattern.test(text))
  return rule && pointTo(rule.pointer, error)
}

/**
 * Points a refusal with one of these codes to the field that it names. By default a missing resource counts as a
 * refusal, because clouds answer 404 to an unknown id in a request.
 */
export function explainFields (
  error: unknown,
  rules: readonly FieldRefusal[],
  codes: readonly ProblemCode[] = ['provider_rejected', 'resource_not_found']
): unknown {
  if (!(error instanceof ProblemError) || !codes.includes(error.code)) return error
  return pointToField(error, rules) ?? error
}

/** Runs a call and throws `explain(error)` in place of each error. */
export async function explaining<T> (
  explain: (error: unknown) => unknown,
  run: () => Promise<T>
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw await explain(error)
  }
}
