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

/** The services that are called: several have one type, as the servers of the first generation (`cloudServers`). */
const services: Partial<Record<Service, { type: string, name: string }>> = {
  compute: { type: 'compute', name: 'cloudServersOpenStack' },
  volume: { type: 'volume', name: 'cloudBlockStorage' }
}

const entryOf = (catalog: Catalog, service: Service) => {
  const wanted = services[service]
  return catalog.find(({ type, name }) => type === wanted?.type && name === wanted.name)
}

const regionOf = ({ region = '' }: Endpoint) => region.toUpperCase()

/** Whether the account has a service in a region; without a region, in any. */
export const hasService = (catalog: Catalog, service: Service, region: string | undefined) =>
  entryOf(catalog, service)?.endpoints.some((endpoint) => region === undefined || regionOf(endpoint) === region.toUpperCase()) ?? false

/**
 * The endpoint of a service by type, name and region. Throws not_supported where the account has no such service, and
 * provider_unavailable, naming the regions there are, where it is not in this one.
 */
export function findEndpoint (catalog: Catalog, service: Service, region: string | undefined) {
  const entry = entryOf(catalog, service)
  if (entry === undefined || entry.endpoints.length === 0) {
    throw new ProblemError('not_supported', `The catalog of this account has no ${services[service]?.name ?? service}`, {
      capability: service, hint: 'Rackspace must switch this service on for the account.'
    })
  }
  const regions = [...new Set(entry.endpoints.map(regionOf))].sort().join(', ')
  if (region === undefined && entry.endpoints.length > 1) {
    throw unreachable(`${entry.name} is in more than one region: ${regions}`)
  }
  const endpoint = region === undefined ? entry.endpoints[0] : entry.endpoints.find((one) => regionOf(one) === region.toUpperCase())
  if (endpoint === undefined) throw unreachable(`The account has no ${entry.name} in region ${region}; its regions are: ${regions}`)
  return { url: endpoint.publicURL.replace(/\/+$/, ''), region: regionOf(endpoint) || null, tenant: endpoint.tenantId }
}

const unreachable = (detail: string) =>
  new ProblemError('provider_unavailable', detail, { hint: 'Set `region` to one of these regions.', retryable: false })
