import { ProblemError } from '../openapi/model/index.ts'

/** Creates the error for one field of the body that is not valid. */
export const invalid = (pointer: string, message: string) =>
  new ProblemError('validation_failed', `${pointer} ${message}`, { errors: [{ in: 'body', pointer, message }] })
