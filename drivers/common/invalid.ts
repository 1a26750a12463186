import { ProblemError, type FieldError } from '../../openapi/model/index.ts'

/** Returns a name as a step of a JSON Pointer (RFC 6901). */
export const escapeStep = (name: unknown) =>
  String(name).replaceAll('~', '~0').replaceAll('/', '~1')

/** Creates the error of one field of the body. */
export const fieldError = (pointer: string, message: string): FieldError => ({
  in: 'body',
  pointer,
  message
})

/** Creates the problem for fields of the body that are not valid. */
const invalidFields = (errors: FieldError[]) =>
  new ProblemError(
    'validation_failed',
    errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; '),
    {
      errors
    }
  )

/** Creates the problem for one field of the body that is not valid. */
export const invalid = (pointer: string, message: string) =>
  invalidFields([fieldError(pointer, message)])

/** Throws validation_failed with all the errors, if there are any. */
export function rejectFields (errors: FieldError[]) {
  if (errors.length > 0) throw invalidFields(errors)
}
