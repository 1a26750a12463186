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

/** Hides the services that the cloud does not have, as soon as its catalog is known. */
export function hideMissing (
  connection: Connection, hasService: (service: Service) => boolean, required = requiredServices
): Connection {
  for (const [name, service] of Object.entries(required)) {
    const { get, value } = Object.getOwnPropertyDescriptor(connection, name) ?? {}
    Object.defineProperty(connection, name, {
      enumerable: true,
      get: () => hasService(service) ? get === undefined ? value : get() : undefined
    })
  }
  return connection
}
