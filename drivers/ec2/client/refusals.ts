import { ProblemError } from '../../../openapi/model/index.ts'
import { explaining, pointTo, pointToField, type FieldRefusal } from '../../refusals.ts'

/** The problems that a wrong field can cause. */
const fieldProblems = new Set<string>(['provider_rejected', 'resource_not_found', 'not_supported'])

/** Returns the cloud's code of an error; '' if it has none. */
export const providerCodeOf = (error: unknown) =>
  error instanceof ProblemError ? error.details.provider_error?.code ?? '' : ''

/** Points to the field that the cloud's code names. Returns the error itself if the code names no field. */
export function explainFields (error: unknown, rules: readonly FieldRefusal[]): unknown {
  if (!(error instanceof ProblemError) || !fieldProblems.has(error.code)) return error
  return pointToField(error, rules, providerCodeOf(error)) ?? error
}

/** Runs a call whose refusal may name fields of the request. */
export const explainingFields = <T>(rules: readonly FieldRefusal[], run: () => Promise<T>) =>
  explaining((error) => explainFields(error, rules), run)

/** Points to the field that names another resource, if that resource does not exist. */
export const explainMissing = (error: unknown, pointer: string) =>
  error instanceof ProblemError && error.code === 'resource_not_found' ? pointTo(pointer, error) : error

export const tagRefusal: FieldRefusal = { pattern: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
