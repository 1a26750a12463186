import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import type { Connection, Driver } from './driver.ts'
import { services } from './services.ts'
import { readSettings } from './settings.ts'

const driverName = /^[a-z][a-z0-9_-]{0,31}$/

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isText = (value: unknown) => typeof value === 'string' && value !== ''

const isObjectSchema = (value: unknown) => isObject(value) && value['type'] === 'object'

/** Returns the kind of a value, for a message. */
export const kindOf = (value: unknown) => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Compiles a schema as the server does for requests. Throws if it is not valid. */
function compileSchema (schema: object) {
  const ajv = new Ajv({ allowUnionTypes: true, strictRequired: false, logger: false })
  formats.default(ajv)
  for (const format of ['cidr', 'ip', 'single-line', 'multi-line', 'password']) {
    ajv.addFormat(format, true)
  }
  ajv.compile(schema)
}

function schemaFault (name: string, compile: () => unknown) {
  try {
    compile()
    return []
  } catch (error) {
    return [`${name} is not a valid schema: ${(error as Error).message}`]
  }
}

/** Returns what is wrong with a driver that was given to defineDriver, as sentences. */
export function declarationFaults (driver: unknown): string[] {
  if (!isObject(driver)) return [`the driver is ${kindOf(driver)}; expected an object`]
  const { name, title, locationSetting, settings, createOptions, connect, aliases = {} } = driver
  const faults = [
    typeof name === 'string' && driverName.test(name)
      ? []
      : [`name must match ${driverName.source}`],
    isText(title) ? [] : ['title must be a text'],
    isText(locationSetting) ? [] : ['locationSetting must be the name of a setting'],
    typeof connect === 'function' ? [] : [`connect is ${kindOf(connect)}; expected a function`],
    isObject(aliases) ? [] : ['aliases must be an object'],
    isObjectSchema(settings)
      ? schemaFault('settings', () => readSettings(settings as Driver['settings'], {}))
      : ['settings must be a schema of type object'],
    createOptions === undefined || isObjectSchema(createOptions)
      ? []
      : ['createOptions must be a schema of type object']
  ].flat()
  if (isObjectSchema(createOptions)) {
    faults.push(
      ...schemaFault('createOptions', () => compileSchema({ ...createOptions as object }))
    )
  }
  return faults
}

const isTexts = (value: unknown) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

function capabilityFaults (capabilities: unknown) {
  if (capabilities === undefined) return []
  if (!isObject(capabilities)) return ['capabilities must be an object']
  return Object.entries(capabilities).flatMap(([service, methods]) =>
    Object.entries(isObject(methods) ? methods : {}).flatMap(([method, details]) =>
      ['parameters', 'required', 'filters']
        .filter((list) =>
          isObject(details) && details[list] !== undefined && !isTexts(details[list])
        )
        .map((list) => `capabilities.${service}.${method}.${list} must be an array of names`)
    )
  )
}

/** Returns what is wrong with the result of `connect`, as sentences. */
export function connectionFaults (connection: unknown): string[] {
  if (connection instanceof Promise) {
    // Its rejection has no other listener.
    connection.catch(() => {})
    return [
      'connect returned a promise; expected the connection itself. Log in with the first call instead'
    ]
  }
  if (!isObject(connection)) {
    return [`connect returned ${kindOf(connection)}; expected a connection`]
  }
  const { ids, check, refresh, cloud, driver, host, location, capabilities } =
    connection as Partial<Connection>
  const isTextOrNull = (value: unknown) => value === null || typeof value === 'string'
  const patterns = isObject(ids) ? Object.entries(ids) : []
  return [
    isText(cloud) ? [] : ['cloud must be the name of the cloud'],
    isText(driver) ? [] : ['driver must be the name of the driver'],
    isTextOrNull(host) ? [] : ['host must be a text or null'],
    isTextOrNull(location) ? [] : ['location must be a text or null'],
    isObject(ids) ? [] : ['ids must be an object with the pattern of each service'],
    // A pattern with one of these flags remembers where its last match ended.
    patterns.flatMap(([service, pattern]) =>
      pattern instanceof RegExp && !pattern.global && !pattern.sticky
        ? []
        : [`ids.${service} must be a regular expression without the flags g and y`]
    ),
    typeof check === 'function' ? [] : ['check must be a function'],
    typeof refresh === 'function' ? [] : ['refresh must be a function'],
    capabilityFaults(capabilities),
    services.flatMap((name) => {
      const service: unknown = (connection as Record<string, unknown>)[name]
      if (service === undefined) return []
      if (!isObject(service)) {
        return [`${name} is ${kindOf(service)}; expected an object of methods`]
      }
      // The capabilities of a cloud are the own properties of its services, which the methods of a class are not.
      const methods = name === 'quotas' ? ['list'] : ['list', 'get']
      const missing = methods.filter((method) => !Object.hasOwn(service, method))
      return missing.map((method) => `${name}.${method} must be a function of the object itself`)
    })
  ].flat()
}
