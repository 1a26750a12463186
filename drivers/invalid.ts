import { ProblemError } from '../openapi/model/index.ts'

/** One field of the body that does not fit. */
export const invalid = (pointer: string, message: string) =>
  new ProblemError('validation_failed', `${pointer} ${message}`, { errors: [{ in: 'body', pointer, message }] })
