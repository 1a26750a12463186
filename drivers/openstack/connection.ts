import { ProblemError, type ProblemCode } from '../../openapi/model/index.ts'
import { readAuthority } from '../settings.ts'
import type { Call } from '../call.ts'
import type { Connection, Context, ServiceName } from '../driver.ts'
import { printableName, uuid } from '../common/ids.ts'
import { hideMissing } from './available-services.ts'
import { bind } from './client/bind.ts'
import { createClient } from './client/client.ts'
import { missingCredentials } from './client/keystone.ts'
import type { VersionRange } from './client/microversions.ts'
import { resources } from './client/resources.ts'
import { createSession } from './client/session.ts'
import type { Settings } from './client/settings.ts'
import * as keyPairs from './compute/key-pairs.ts'
import { createLocations } from './compute/locations.ts'
import { createNodes, nodeCapabilities, portFields } from './compute/nodes.ts'
import { createSizes } from './compute/sizes.ts'
import * as images from './image/images.ts'
import * as floatingIps from './network/floating-ips.ts'
import * as networks from './network/networks.ts'
import { createNeutron } from './network/neutron.ts'
import * as routers from './network/routers.ts'
import * as securityGroups from './network/security-groups.ts'
import * as subnets from './network/subnets.ts'
import { createQuotas } from './quotas.ts'
import { cinder } from './storage/cinder.ts'
import * as snapshots from './storage/snapshots.ts'
import * as volumeTypes from './storage/volume-types.ts'
import * as volumes from './storage/volumes.ts'

const ids = {
  nodes: uuid,
  images: uuid,
  sizes: printableName,
  locations: printableName,
  key_pairs: printableName,
  networks: uuid,
  subnets: uuid,
  routers: uuid,
  security_groups: uuid,
  floating_ips: uuid,
  floating_ip_pools: uuid,
  volumes: uuid,
  volume_types: uuid,
  snapshots: uuid
}

/**
 * Connects to an OpenStack cloud, without a call. Throws an Error if the settings lack a credential
 * or if the file of the certificate authority cannot be read.
 */
export function connect (settings: Settings, context: Context): Connection {
  const { auth, verify, cacert } = settings
  const missing = auth === undefined
    ? 'auth is required'
    : missingCredentials(auth, settings.auth_type)
  if (auth === undefined || missing !== undefined) {
    throw new Error(`cloud ${context.cloud}: ${missing}`)
  }

  const { timeout, secrets } = context
  const ca = cacert === undefined ? undefined : readAuthority(cacert, 'cacert', context.cloud)
  const http = context.http({ verify, ca })
  const session = createSession({ settings: { ...settings, auth }, http, timeout, secrets })
  const client = createClient({ session, http, timeout, microversions: true })
  const servers = bind(client, resources.server, { service: 'compute' })
  const neutron = createNeutron(client)
  const projects = bind<{ id: string, name: string }>(client, resources.authProject, {
    service: 'identity'
  })
  const region = () => session.region() ?? settings.region_name ?? null
  const identifyIn = (collection: ServiceName) => (id: string) =>
    context.identify(collection, id, region())
  const glance = images.createImages({ client, timeout, identify: identifyIn('images') })
  const capabilities = memoizeCapabilities()
  const hasNeutron = () => session.hasService('network')
  const nodeOptions = { client, driver: 'openstack', identify: identifyIn('nodes') }
  const nodes = createNodes({ ...nodeOptions, neutron })
  /** Has no NICs and no security groups, which need Neutron. */
  const nodesWithoutNeutron = createNodes(nodeOptions)

  const connection: Connection = {
    cloud: context.cloud,
    driver: 'openstack',
    host: new URL(auth.auth_url).host,
    get location () {
      return region()
    },
    ids,
    get capabilities () {
      return capabilities(client.knownVersions(), hasNeutron())
    },
    get nodes () {
      return hasNeutron() ? nodes : nodesWithoutNeutron
    },
    briefOmits: { nodes: portFields },
    get images () {
      return glance.service()
    },
    sizes: createSizes(client, identifyIn('sizes')),
    key_pairs: keyPairs.createKeyPairs(client, identifyIn('key_pairs')),
    networks: networks.createNetworks(neutron, identifyIn('networks')),
    subnets: subnets.createSubnets(neutron, identifyIn('subnets')),
    routers: routers.createRouters(neutron, identifyIn('routers')),
    security_groups: securityGroups.createSecurityGroups(neutron, identifyIn('security_groups')),
    floating_ips: floatingIps.createFloatingIps(neutron, identifyIn('floating_ips')),
    floating_ip_pools: floatingIps.createFloatingIpPools(neutron, identifyIn('floating_ip_pools')),
    locations: createLocations({ client, region, identify: identifyIn('locations') }),
    volumes: volumes.createVolumes(client, identifyIn('volumes')),
    volume_types: volumeTypes.createVolumeTypes(client, identifyIn('volume_types')),
    snapshots: snapshots.createSnapshots(client, identifyIn('snapshots')),
    quotas: createQuotas(client),
    listProjects: (call) => projects.all({}, call),
    /**
     * Reads a list too, since Nova shows its versions to anyone; only a list shows whether the
     * token is valid. Then looks at the other services that were used.
     */
    async check (call: Call) {
      await client.versions(call)
      await servers.list({ limit: 1 }, call)
      const used = otherServices.filter(({ service }) => client.usedServices.has(service))
      const problems = await Promise.all(used.map(async ({ service, resource }) => {
        try {
          await bind(client, resource, { service }).list({ limit: 1 }, call)
        } catch (error) {
          if (!(error instanceof ProblemError) || !failures.has(error.code)) return undefined
          return error.with({ detail: `The ${service} service fails: ${error.message}` })
        }
      }))
      // Reads what Glance can import. The cloud works without that answer.
      await glance.discover(call).catch(() => {})
      return problems.find((problem) => problem !== undefined)
    },
    refresh () {
      session.refresh()
      client.refresh()
      glance.forget()
    },
    close: () => http.close()
  }
  return hideMissing(connection, session.hasService)
}

/** The errors that mean that a service does not work. */
const failures = new Set<ProblemCode>([
  'provider_unavailable',
  'provider_timeout',
  'provider_error',
  'provider_auth_failed'
])

/** The services beside Nova, each with a list that a health check can read. */
const otherServices = [
  { service: 'network', resource: resources.network },
  { service: 'volume', resource: cinder.volume },
  { service: 'image', resource: resources.image }
] as const

/** Describes the services anew only if what is known of the cloud changes, since each request reads them. */
function memoizeCapabilities () {
  let last:
    | { range: KnownVersions, hasNeutron: boolean, capabilities: Connection['capabilities'] }
    | undefined
  return (range: KnownVersions, hasNeutron: boolean) => {
    if (last === undefined || range !== last.range || hasNeutron !== last.hasNeutron) {
      last = { range, hasNeutron, capabilities: describeServices(range, hasNeutron) }
    }
    return last.capabilities
  }
}

type KnownVersions = VersionRange | null | undefined

const describeServices = (
  range: KnownVersions,
  hasNeutron: boolean
): Connection['capabilities'] => ({
  nodes: nodeCapabilities(range, hasNeutron),
  networks: networks.capabilities,
  subnets: subnets.capabilities,
  routers: routers.capabilities,
  security_groups: securityGroups.capabilities,
  floating_ips: floatingIps.capabilities,
  floating_ip_pools: floatingIps.poolCapabilities,
  images: images.capabilities,
  key_pairs: keyPairs.capabilities,
  volumes: volumes.capabilities,
  volume_types: volumeTypes.capabilities,
  snapshots: snapshots.capabilities
})
