import { services, type ServiceName } from './services.ts'
import type { Connection } from './driver.ts'

type Method = (...input: unknown[]) => unknown

/** Returns the method to call instead of `run`. Methods of the connection itself, such as `check`, have no service. */
export type Wrap = (service: ServiceName | undefined, method: string, run: Method) => Method

/** The number of arguments before the call, where it is not two. */
const callPositions: Readonly<Record<string, number>> = {
  check: 0,
  refresh: 0,
  close: 0,
  'quotas.list': 0,
  list: 1,
  create: 1,
  destroy: 1,
  list_nics: 1,
  import: 1,
  disassociate: 1
}

/** The position of the call among the arguments of a method. */
export const callPosition = (service: ServiceName | undefined, method: string) =>
  callPositions[`${service}.${method}`] ?? callPositions[method] ?? 2

/** An object that shows the properties of another one as they are at present, with other values. */
function mirror<T extends object> (
  source: T,
  replace: (key: string, value: unknown) => unknown
): T {
  const read = (key: string | symbol) => {
    const value: unknown = Reflect.get(source, key)
    return typeof key === 'string' ? replace(key, value) : value
  }
  // The target is an object of its own, because a proxy must not change the values of a frozen target.
  return new Proxy({} as T, {
    get: (_, key) => read(key),
    set: (_, key, value) => Reflect.set(source, key, value),
    deleteProperty: (_, key) => Reflect.deleteProperty(source, key),
    has: (_, key) => Reflect.has(source, key),
    ownKeys: () => Reflect.ownKeys(source),
    getOwnPropertyDescriptor (_, key) {
      if (!Object.hasOwn(source, key)) return undefined
      return { value: read(key), writable: true, enumerable: true, configurable: true }
    }
  })
}

/** Returns a connection whose methods are replaced. Methods that the connection gains or loses later are included. */
export function wrapConnection (connection: Connection, wrap: Wrap): Connection {
  const wrapMethods = <T extends object>(source: T, service: ServiceName | undefined) => {
    const wrapped = new WeakMap<Method, Method>()
    return (key: string, value: unknown) => {
      if (typeof value !== 'function') return value
      const run = value as Method
      if (!wrapped.has(run)) {
        wrapped.set(
          run,
          wrap(service, key, (...input) => Reflect.apply(run, source, input))
        )
      }
      return wrapped.get(run)
    }
  }
  const mirrors = new WeakMap<object, object>()
  const names = new Set<string>(services)
  const wrapOwn = wrapMethods(connection, undefined)
  return mirror(connection, (key, value) => {
    if (!names.has(key) || typeof value !== 'object' || value === null) return wrapOwn(key, value)
    if (!mirrors.has(value)) {
      mirrors.set(value, mirror(value, wrapMethods(value, key as ServiceName)))
    }
    return mirrors.get(value)
  })
}
