import type { Connection, ServiceName } from '../driver.ts'
import type { Service } from './client/catalog.ts'

/** What the services of a connection are made of, where that is not Nova, which every cloud has. */
const ofOpenstack: Partial<Record<ServiceName, Service>> = {
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

/** Hides the services that the cloud does not offer, from when its catalog is known. */
export function hideMissing (connection: Connection, offers: (service: Service) => boolean, needs = ofOpenstack): Connection {
  for (const [name, service] of Object.entries(needs)) {
    const { get, value } = Object.getOwnPropertyDescriptor(connection, name) ?? {}
    Object.defineProperty(connection, name, {
      enumerable: true,
      get: () => offers(service) ? get === undefined ? value : get() : undefined
    })
  }
  return connection
}
