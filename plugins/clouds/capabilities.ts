import { capabilityOf, hasCapability, type Connection } from '../../drivers/driver.ts'
import { escapeStep, fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import { pointerOf } from '../../drivers/common/tags.ts'
import { ProblemError, type Capability, type FieldError } from '../../openapi/model/index.ts'

export const notSupported = ({ cloud, driver }: Connection, capability: string) =>
  new ProblemError('not_supported', `The cloud ${cloud} cannot do ${capability}`, {
    cloud,
    driver,
    capability
  })

/** Returns the field names of a request, dotted: `networks.fixed_ip`. Ignores values that equal the default. */
function listFields (input: object): string[] {
  return Object.entries(input).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (name === 'count' && value === 1) return []
    if (name === 'protected' && value === false) return []
    // The driver's own schema checks provider_options. Tags have free keys.
    const isOpaque = name === 'tags' || name === 'provider_options'
    if (isOpaque || value === null || typeof value !== 'object') return [name]
    const items = [value].flat().filter((item) => typeof item === 'object')
    const nested = new Set(items.flatMap((item) => Object.keys(item as object)))
    return [name, ...[...nested].map((key) => `${name}.${key}`)]
  })
}

/** The JSON Pointer of a dotted field in an input: `networks.fixed_ip` is `/networks/1/fixed_ip` of the first item. */
export function fieldPointer (input: object, field: string): string {
  const [name = '', ...rest] = field.split('.')
  const value = (input as Record<string, unknown>)[name]
  if (rest.length === 0 || typeof value !== 'object' || value === null) {
    return `/${escapeStep(name)}`
  }
  if (!Array.isArray(value)) return `/${escapeStep(name)}${fieldPointer(value, rest.join('.'))}`
  const index = value.findIndex((item) =>
    typeof item === 'object' && item !== null && Object.hasOwn(item, rest[0]!)
  )
  return `/${name}/${Math.max(index, 0)}${
    fieldPointer(value[index] as object ?? {}, rest.join('.'))
  }`
}

interface LimitedInput {
  user_data?: string
  tags?: Record<string, string | null>
}

function findExceededLimits (input: LimitedInput, limits: Capability['limits']) {
  const { user_data_bytes: maxBytes, tag_characters: maxCharacters } = limits
  const errors: FieldError[] = []
  const bytes = Buffer.byteLength(input.user_data ?? '')
  if (maxBytes !== undefined && bytes > maxBytes) {
    errors.push(
      fieldError('/user_data', `has ${bytes} bytes; this cloud accepts at most ${maxBytes}`)
    )
  }
  for (const [key, value] of Object.entries(input.tags ?? {})) {
    if (maxCharacters === undefined || value === null || [...value].length <= maxCharacters) {
      continue
    }
    const message = `is longer than ${maxCharacters} characters, the maximum of this cloud`
    errors.push(fieldError(pointerOf(key), message))
  }
  return errors
}

/**
 * Checks a request against a capability of a cloud, before any call. Throws not_supported if the cloud lacks the
 * capability or does not honour a field of the input, and validation_failed if the input lacks a field that this cloud
 * requires or exceeds a limit of the cloud. Without an input, only the capability is checked.
 */
export function requireCapability (connection: Connection, name: string, input?: object) {
  if (!hasCapability(connection, name)) throw notSupported(connection, name)
  if (input === undefined) return
  const { parameters, required, limits } = capabilityOf(connection, name)!
  const fields = listFields(input)
  const unknown = fields.find((field) => !parameters.includes(field))
  if (unknown !== undefined) throw notSupported(connection, `${name}.${unknown}`)
  const missing = required.filter((field) => !fields.includes(field))
  rejectFields([
    ...missing.map((field) =>
      fieldError(`/${field.replaceAll('.', '/')}`, 'is required by this cloud')
    ),
    ...findExceededLimits(input, limits)
  ])
}
