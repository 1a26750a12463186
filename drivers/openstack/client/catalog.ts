import { ProblemError } from '../../../openapi/model/index.ts'
import type { Catalog, CatalogEndpoint } from './keystone.ts'

/** The services that this driver calls. */
export type Service = 'compute' | 'image' | 'network' | 'volume' | 'identity'

/**
 * The types of each service in the catalog, by preference. Block storage has had several: see `block-storage` in
 * OpenStack's service-types-authority. Its newest version comes first.
 */
const types: Record<Service, readonly string[]> = {
  compute: ['compute'],
  image: ['image'],
  network: ['network'],
  identity: ['identity'],
  volume: ['volumev3', 'block-storage', 'block-store', 'volume', 'volumev2']
}

/** The endpoints that a cloud's settings select. */
export interface Place {
  /** Undefined selects the only region. */
  region: string | undefined
  /** `public`, `internal` or `admin`. */
  interface: string
  /** Addresses that replace those of the catalog. `%(project_id)s` in them stands for the id of the project. */
  overrides?: Partial<Record<Service, string>>
  /** The version of Cinder's API: 2 or 3. Undefined selects the newest. */
  volumeVersion?: string
}

const regionOf = (endpoint: CatalogEndpoint) => endpoint.region_id ?? endpoint.region ?? ''

const formatList = (values: Iterable<string>) => [...new Set(values)].sort().join(', ') || 'none'

interface FoundEndpoint extends CatalogEndpoint {
  type: string
}

/** Lists the endpoints of a service, of all entries of its types: some clouds have one entry for each region. */
const endpointsOf = (catalog: Catalog, service: Service): FoundEndpoint[] =>
  types[service].flatMap((type) =>
    catalog.filter((entry) => entry.type === type)
      .flatMap(({ endpoints }) => endpoints.map((endpoint) => ({ type, ...endpoint })))
  )

/** Returns the version in the URL of an endpoint: `3`; undefined if it has none. */
const versionOf = ({ url }: CatalogEndpoint) => /\/v(\d+)(?:\.\d+)?(?=\/|$)/.exec(url)?.[1]

/** Whether an endpoint has a version that this driver speaks: of Cinder 2 and 3, which are alike. */
function isSpoken (
  endpoint: CatalogEndpoint,
  service: Service,
  { volumeVersion }: Pick<Place, 'volumeVersion'>
) {
  if (service !== 'volume') return true
  const version = versionOf(endpoint)
  return volumeVersion === undefined ? version !== '1' : version === volumeVersion
}

type Wanted = Pick<Place, 'overrides' | 'volumeVersion'>

export const hasService = (catalog: Catalog, service: Service, wanted: Wanted = {}) =>
  wanted.overrides?.[service] !== undefined ||
  endpointsOf(catalog, service).some((endpoint) => isSpoken(endpoint, service, wanted))

/**
 * Finds the endpoint of a service in one region. Throws not_supported if the cloud does not have
 * the service, and provider_unavailable with the existing regions or interfaces if it is not there.
 */
export function findEndpoint (catalog: Catalog, service: Service, place: Place) {
  const { region, interface: wanted, overrides } = place
  const override = overrides?.[service]
  if (override !== undefined) return { url: trimUrl(override, service), region: region ?? null }
  const endpoints = endpointsOf(catalog, service).filter((endpoint) =>
    isSpoken(endpoint, service, place)
  )
  if (endpoints.length === 0) {
    const names = types[service].join(' or ')
    const version = service === 'volume' && place.volumeVersion !== undefined
      ? ` of v${place.volumeVersion}`
      : ''
    throw new ProblemError(
      'not_supported',
      `The catalog of this cloud has no ${names} service${version}`,
      {
        capability: service,
        hint: 'The account at the cloud must have this service in its catalog.'
      }
    )
  }
  const regions = formatList(endpoints.map(regionOf))
  if (region === undefined && regions.includes(', ')) {
    throw unreachable(`The cloud has more than one region: ${regions}`, 'region_name')
  }
  const inRegion = endpoints.filter((endpoint) =>
    region === undefined || regionOf(endpoint) === region
  )
  if (inRegion.length === 0) {
    throw unreachable(
      `The cloud has no ${service} service in region ${region}; its regions are: ${regions}`,
      'region_name'
    )
  }
  const found = inRegion.filter((one) =>
    one.interface === wanted || one.interface === `${wanted}URL`
  )
  // The type `volume` says nothing about the version.
  const endpoint = found.find((one) => service !== 'volume' || versionOf(one) === '3') ?? found[0]
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
    hint: `Set \`${setting}\` to one of these.`,
    retryable: false
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
