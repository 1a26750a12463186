import { ProblemError } from '../../../openapi/model/index.ts'
import type { Catalog, CatalogEndpoint } from './keystone.ts'

/** The services that this driver calls. */
export type Service = 'compute' | 'image' | 'network' | 'volume'

/** The types of each service in the catalog; the older name first if there are two. */
const types: Record<Service, readonly string[]> = {
  compute: ['compute'],
  image: ['image'],
  network: ['network'],
  volume: ['volumev3', 'block-storage']
}

/** The endpoints that a cloud's settings select. */
export interface Place {
  /** Undefined selects the only region. */
  region: string | undefined
  /** `public`, `internal` or `admin`. */
  interface: string
}

const regionOf = (endpoint: CatalogEndpoint) => endpoint.region_id ?? endpoint.region ?? ''

const formatList = (values: Iterable<string>) => [...new Set(values)].sort().join(', ') || 'none'

function endpointsOf (catalog: Catalog, service: Service) {
  const byType = types[service].map(
    (type) => catalog.find((entry) => entry.type === type)?.endpoints ?? []
  )
  return byType.find((endpoints) => endpoints.length > 0)
}

export const hasService = (catalog: Catalog, service: Service) =>
  endpointsOf(catalog, service) !== undefined

/**
 * Finds the endpoint of a service in one region. Throws not_supported if the cloud does not have
 * the service, and provider_unavailable with the existing regions or interfaces if it is not there.
 */
export function findEndpoint (
  catalog: Catalog, service: Service, { region, interface: wanted }: Place
) {
  const endpoints = endpointsOf(catalog, service)
  if (endpoints === undefined) {
    const names = types[service].join(' or ')
    throw new ProblemError('not_supported', `The catalog of this cloud has no ${names} service`, {
      capability: service, hint: 'The account at the cloud must have this service in its catalog.'
    })
  }
  const regions = formatList(endpoints.map(regionOf))
  if (region === undefined && regions.includes(', ')) {
    throw unreachable(`The cloud has more than one region: ${regions}`, 'region_name')
  }
  const inRegion = endpoints.filter((endpoint) => region === undefined || regionOf(endpoint) === region)
  if (inRegion.length === 0) {
    throw unreachable(
      `The cloud has no ${service} service in region ${region}; its regions are: ${regions}`,
      'region_name'
    )
  }
  const endpoint = inRegion.find(
    (one) => one.interface === wanted || one.interface === `${wanted}URL`
  )
  if (endpoint === undefined) {
    const interfaces = formatList(inRegion.map((one) => one.interface))
    throw unreachable(
      `The ${service} service has no ${wanted} endpoint; there are: ${interfaces}`,
      'interface'
    )
  }
  return { url: trimUrl(endpoint.url, service), region: regionOf(endpoint) || null }
}

const unreachable = (detail: string, setting: string) =>
  new ProblemError('provider_unavailable', detail, {
    hint: `Set \`${setting}\` to one of these.`, retryable: false
  })

/**
 * Removes the version of Glance and Neutron, which the paths of their calls have; some catalogs
 * have it too.
 */
function trimUrl (url: string, service: Service) {
  const base = url.replace(/\/+$/, '')
  return service === 'image' || service === 'network' ? base.replace(/\/v2(\.\d+)?$/, '') : base
}

/**
 * Returns the URL of Nova's version document: its endpoint up to the version, since a project id
 * may follow.
 */
export const computeRoot = (url: string) => /^.*?\/v\d+(?:\.\d+)?(?=\/|$)/.exec(url)?.[0] ?? url
