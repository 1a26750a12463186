import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Default, Clone } from 'typebox/value'

export interface SettingError {
  /** Dotted, as it is written in the file: `auth.password`. */
  path: string
  /** What is expected there, never what was found: the caller knows whether that is a secret. */
  message: string
}

/** A copy of the settings with the schema's defaults, and every way in which they do not fit it. */
export function readSettings (schema: TSchema, given: unknown): { settings: unknown, errors: SettingError[] } {
  const settings = Default(schema, Clone(given))
  const errors = Compile(schema).Errors(settings)
    // An unknown key is told twice: by its object, and as a `false` schema of its own.
    .filter(({ keyword }) => keyword !== 'boolean')
    .flatMap(({ instancePath, keyword, params, message }) => {
      const path = instancePath.slice(1).replaceAll('/', '.')
      const below = (key: string) => path === '' ? key : `${path}.${key}`
      const names = params as { additionalProperties?: string[], requiredProperties?: string[], allowedValues?: unknown[] }
      if (keyword === 'additionalProperties') {
        return (names.additionalProperties ?? []).map((key) => ({ path: below(key), message: unknownKey(schema, instancePath) }))
      }
      if (keyword === 'required') return (names.requiredProperties ?? []).map((key) => ({ path: below(key), message: 'is required' }))
      if (keyword === 'enum') return [{ path, message: `must be one of ${(names.allowedValues ?? []).join(', ')}` }]
      return [{ path, message }]
    })
  return { settings, errors }
}

function unknownKey (schema: TSchema, instancePath: string) {
  const place = instancePath.split('/').slice(1).reduce<TSchema | undefined>((at, step) =>
    (at as { properties?: Record<string, TSchema> } | undefined)?.properties?.[step], schema)
  const known = Object.keys((place as { properties?: object } | undefined)?.properties ?? {})
  return `is not a setting; there are: ${known.join(', ') || 'none'}`
}
