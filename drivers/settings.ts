import { readFileSync } from 'node:fs'
import type { TSchema } from '#typebox'
import { Compile } from '#typebox/compile'
import { Default, Clone } from '#typebox/value'

export interface SettingError {
  /** Dotted, as in the settings file: `auth.password`. */
  path: string
  /** The expected value. Not the value found: only the caller knows whether that is a secret. */
  message: string
}

/** Copies the settings, adds the defaults of the schema, and returns every value that does not match the schema. */
export function readSettings (
  schema: TSchema,
  input: unknown
): { settings: unknown, errors: SettingError[] } {
  const settings = Default(schema, Clone(input))
  const errors = Compile(schema).Errors(settings)
    // TypeBox reports an unknown key twice: for its object, and as a `false` schema of its own.
    .filter(({ keyword }) => keyword !== 'boolean')
    .flatMap(({ instancePath, keyword, params, message }) => {
      const path = instancePath.slice(1).replaceAll('/', '.')
      const errorsAt = (keys: readonly string[] = [], message: string) =>
        keys.map((key) => ({ path: path === '' ? key : `${path}.${key}`, message }))
      const { additionalProperties, requiredProperties, allowedValues = [] } =
        params as ErrorDetails
      if (keyword === 'additionalProperties') {
        return errorsAt(additionalProperties, unknownKey(schema, instancePath))
      }
      if (keyword === 'required') return errorsAt(requiredProperties, 'is required')
      if (keyword === 'enum') {
        return [{ path, message: `must be one of ${allowedValues.join(', ')}` }]
      }
      return [{ path, message }]
    })
  return { settings, errors }
}

interface ErrorDetails {
  additionalProperties?: string[]
  requiredProperties?: string[]
  allowedValues?: unknown[]
}

function unknownKey (schema: TSchema, instancePath: string) {
  const { properties = {} } = schemaAt(schema, instancePath.split('/').slice(1)) ?? {}
  return `is not a setting; known settings: ${Object.keys(properties).join(', ') || 'none'}`
}

interface SettingSchema {
  type?: string
  format?: string
  properties?: Record<string, SettingSchema>
}

/** Returns the schema of the setting at a path of keys; undefined if the schema does not know it. */
export function schemaAt (schema: TSchema, keys: readonly string[]) {
  return keys.reduce<SettingSchema | undefined>((parent, key) => parent?.properties?.[key], schema)
}

/**
 * Reads the certificates of an authority, in PEM. Throws an Error that names the cloud and the setting if the file
 * cannot be read.
 */
export function readAuthority (file: string, setting: string, cloud: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cloud ${cloud}: ${setting} cannot be read: ${(error as Error).message}`)
  }
}
