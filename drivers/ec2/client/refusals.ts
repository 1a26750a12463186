import { pointTo, pointToField, type FieldRefusal } from '../../common/refusals.ts'
import { isProblem, providerCodeOf } from './errors.ts'

/** Points to the field that the cloud's code names. Returns the error itself if the code names no field. */
export function explainFields (error: unknown, rules: readonly FieldRefusal[]): unknown {
  // Other problems, such as a quota, are not caused by a wrong field.
  if (!isProblem(error, 'provider_rejected', 'resource_not_found', 'not_supported')) return error
  return pointToField(error, rules, providerCodeOf(error)) ?? error
}

/** Points to the field that names another resource, if that resource does not exist. */
export const explainMissing = (error: unknown, pointer: string) =>
  isProblem(error, 'resource_not_found') ? pointTo(pointer, error) : error

export const tagRefusal: FieldRefusal = { pattern: /^InvalidTagKey|^TagLimit/, pointer: '/tags' }
