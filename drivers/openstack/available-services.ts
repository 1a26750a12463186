import { ProblemError } from '../../openapi/model/index.ts'
import type { Connection, ServiceName } from '../driver.ts'
import type { Service } from './client/catalog.ts'

/** The cloud service behind each service of a connection, other than Nova, which every cloud has. */
const requiredServices: Partial<Record<ServiceName, Service>> = {
  images: 'image',
  networks: 'network',
  subnets: 'network',
  routers: 'network',
  security_groups: 'network',
  floating_ips: 'network',
  floating_ip_pools: 'network',
  volumes: 'volume',
  volume_types: 'volume',
  snapshots: 'volume'
}

type Methods = Record<string, (...input: unknown[]) => unknown>

/**
 * Before the catalog is known, a call finds out that the cloud lacks a service. Its error then names the service, and
 * this function replaces that by the capability that was asked for.
 */
function nameCapability (error: unknown, capability: string) {
  const isUnnamed = error instanceof ProblemError && error.code === 'not_supported' &&
    error.details.capability?.includes('.') !== true
  return isUnnamed ? error.with({ capability }) : error
}

/** Makes every not_supported of a service name the method that was called. */
function nameMethods<T extends object> (name: string, service: T): T {
  const named = Object.entries(service as Methods).map(([method, run]) =>
    [
      method,
      async (...input: unknown[]) => {
        try {
          return await run(...input)
        } catch (error) {
          throw nameCapability(error, `${name}.${method}`)
        }
      }
    ] as const
  )
  return Object.fromEntries(named) as T
}

/** Hides the services that the cloud does not have, as soon as its catalog is known. */
export function hideMissing (
  connection: Connection,
  hasService: (service: Service) => boolean,
  required = requiredServices
): Connection {
  const named = new WeakMap<object, object>()
  const withNames = (name: string, service: object) => {
    const known = named.get(service) ?? nameMethods(name, service)
    named.set(service, known)
    return known
  }
  for (const name of [...Object.keys(required), 'nodes'] as ServiceName[]) {
    const { get, value } = Object.getOwnPropertyDescriptor(connection, name) ?? {}
    const isAvailable = () => required[name] === undefined || hasService(required[name])
    Object.defineProperty(connection, name, {
      enumerable: true,
      get: () =>
        isAvailable() ? withNames(name, (get === undefined ? value : get()) as object) : undefined
    })
  }
  return connection
}
