import { CloudEntry } from '../config/schema.ts'
import type { Driver } from '../drivers/driver.ts'

interface Schema {
  type?: string | string[]
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

/** Copies a schema. A setting with a default is not required: the server adds the default before it validates. */
function withoutDefaulted (schema: Schema): Schema {
  const { properties, required = [], items, ...rest } = schema
  if (properties === undefined) {
    return items === undefined
      ? schema
      : { ...schema, items: withoutDefaulted(items) }
  }
  const entries = Object.entries(properties).map(([name, property]) =>
    [name, withoutDefaulted(property)] as const
  )
  const left = required.filter((name) => properties[name]?.default === undefined)
  return {
    ...rest,
    properties: Object.fromEntries(entries),
    ...(left.length > 0 && { required: left })
  }
}

/**
 * Returns the JSON Schema of one entry under `clouds` of the settings: the settings of every cloud, then those of the
 * driver. `locations` stands in place of the one location, so neither of them is required alone. `reference` is
 * how the settings name the driver.
 */
export function settingsForm (
  { settings, locationSetting }: Driver,
  reference: string
): Record<string, unknown> {
  const { driver, ...common } = withoutDefaulted(CloudEntry as Schema).properties!
  const own = withoutDefaulted(settings as Schema)
  const required = own.required ?? []
  const form = {
    ...own,
    properties: {
      driver: { ...driver, enum: [reference], default: reference },
      ...common,
      ...own.properties
    },
    required: ['driver', ...required.filter((setting) => setting !== locationSetting)]
  }
  return required.includes(locationSetting)
    ? { ...form, 'x-required-any': [locationSetting, 'locations'] }
    : form
}
