import { ProblemError, type FieldError } from '../../openapi/model/index.ts'

export const field = (pointer: string, message: string): FieldError => ({ in: 'body', pointer, message })

/** Throws validation_failed with all of them, unless there are none. */
export function refuse (errors: FieldError[]) {
  if (errors.length === 0) return
  throw new ProblemError('validation_failed', errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; '), { errors })
}

/** Throws validation_failed for one field unless this holds. */
export function must (holds: boolean, pointer: string, message: string): asserts holds {
  if (!holds) refuse([field(pointer, message)])
}
