import { ProblemError } from '../../openapi/model/index.ts'
import type { Service } from '../openstack/public.ts'

/** An endpoint of Identity v2.0. */
export interface Endpoint {
  region?: string
  tenantId?: string
  publicURL: string
}

/** The `serviceCatalog` of Identity v2.0. */
export type Catalog = Array<{ name: string, type: string, endpoints: Endpoint[] }>

/**
 * Type and name of each service. Some types have several services: the first generation has its own
 * `cloudServers`.
 */
const services: Partial<Record<Service, { type: string, name: string }>> = {
  compute: { type: 'compute', name: 'cloudServersOpenStack' },
  volume: { type: 'volume', name: 'cloudBlockStorage' }
}

function findEntry (catalog: Catalog, service: Service) {
  const wanted = services[service]
  return catalog.find(({ type, name }) => type === wanted?.type && name === wanted.name)
}

const regionOf = ({ region = '' }: Endpoint) => region.toUpperCase()

const inRegion = (endpoints: readonly Endpoint[], region: string | undefined) =>
  region === undefined
    ? endpoints
    : endpoints.filter((endpoint) => regionOf(endpoint) === region.toUpperCase())

/** Returns whether the account has a service in a region, or in any if the region is undefined. */
export const hasService = (catalog: Catalog, service: Service, region: string | undefined) =>
  inRegion(findEntry(catalog, service)?.endpoints ?? [], region).length > 0

/**
 * Finds the endpoint of a service in a region. Throws not_supported if the account has no such
 * service, and provider_unavailable with the regions of the service if it has none in this region.
 */
export function findEndpoint (catalog: Catalog, service: Service, region: string | undefined) {
  const { name, endpoints = [] } = findEntry(catalog, service) ?? {}
  if (endpoints.length === 0) {
    throw new ProblemError(
      'not_supported',
      `The catalog of this account has no ${services[service]?.name ?? service}`,
      {
        capability: service,
        hint: 'Rackspace must switch this service on for the account.'
      }
    )
  }
  const regions = [...new Set(endpoints.map(regionOf))].sort().join(', ')
  if (region === undefined && endpoints.length > 1) {
    throw unreachable(`${name} is in more than one region: ${regions}`)
  }
  const [endpoint] = inRegion(endpoints, region)
  if (endpoint === undefined) {
    throw unreachable(`The account has no ${name} in region ${region}; its regions are: ${regions}`)
  }
  return {
    url: endpoint.publicURL.replace(/\/+$/, ''),
    region: regionOf(endpoint) || null,
    tenant: endpoint.tenantId
  }
}

const unreachable = (detail: string) =>
  new ProblemError('provider_unavailable', detail, {
    hint: 'Set `region` to one of these regions.',
    retryable: false
  })
