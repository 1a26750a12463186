import { ProblemError } from '../../../openapi/model/index.ts'
import type { Catalog, CatalogEndpoint } from './keystone.ts'

/** The services this driver calls, by the type that the catalog gives them. */
export type Service = 'compute' | 'image' | 'network' | 'volume'

/** The type that each service has in the catalog, the older name first where there are two. */
const types: Record<Service, readonly string[]> = {
  compute: ['compute'],
  image: ['image'],
  network: ['network'],
  volume: ['volumev3', 'block-storage']
}

export interface Place {
  region: string | undefined
  /** `public`, `internal` or `admin`. */
  interface: string
}

const regionOf = (endpoint: CatalogEndpoint) => endpoint.region_id ?? endpoint.region ?? ''

const listed = (values: Iterable<string>) => [...new Set(values)].sort().join(', ') || 'none'

const endpointsOf = (catalog: Catalog, service: Service) =>
  types[service].map((type) => catalog.find((entry) => entry.type === type)?.endpoints ?? []).find((found) => found.length > 0)

export const hasService = (catalog: Catalog, service: Service) => endpointsOf(catalog, service) !== undefined

/**
 * The endpoint of a service in one region. Throws not_supported where the cloud has no such service, and
 * provider_unavailable naming the regions, or the interfaces, that there are.
 */
export function findEndpoint (catalog: Catalog, service: Service, { region, interface: wanted }: Place) {
  const endpoints = endpointsOf(catalog, service)
  if (endpoints === undefined) {
    throw new ProblemError('not_supported', `The catalog of this cloud has no ${types[service].join(' or ')} service`, {
      capability: service, hint: 'The account at the cloud must have this service in its catalog.'
    })
  }
  const regions = listed(endpoints.map(regionOf))
  if (region === undefined && regions.includes(', ')) {
    throw unreachable(`The cloud has more than one region: ${regions}`, 'Set `region_name` to one of them.')
  }
  const here = region === undefined ? endpoints : endpoints.filter((endpoint) => regionOf(endpoint) === region)
  if (here.length === 0) {
    throw unreachable(`The cloud has no ${service} service in region ${region}; its regions are: ${regions}`,
      'Set `region_name` to one of these regions.')
  }
  const endpoint = here.find((one) => one.interface === wanted || one.interface === `${wanted}URL`)
  if (endpoint === undefined) {
    throw unreachable(`The ${service} service has no ${wanted} endpoint; there are: ${listed(here.map((one) => one.interface))}`,
      'Set `interface` to one of these.')
  }
  return { url: trimmed(endpoint.url, service), region: regionOf(endpoint) || null }
}

const unreachable = (detail: string, hint: string) => new ProblemError('provider_unavailable', detail, { hint, retryable: false })

/** Glance's and Neutron's endpoints come with and without the version, which the paths of their calls begin with. */
function trimmed (url: string, service: Service) {
  const base = url.replace(/\/+$/, '')
  return service === 'image' || service === 'network' ? base.replace(/\/v2(\.\d+)?$/, '') : base
}

/** Where Nova tells its versions: its endpoint up to the version, since a project's id may follow. */
export const computeRoot = (url: string) => /^.*?\/v\d+(?:\.\d+)?(?=\/|$)/.exec(url)?.[0] ?? url
