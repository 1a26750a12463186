import { join, resolve } from 'node:path'
import { defineDriver, type Connection, type Context, type Services } from '../driver.ts'
import {
  createCatalog,
  createEngine,
  createInterceptor,
  createOptions,
  createQuotas,
  createStaticService,
  settings,
  type Settings
} from './engine/index.ts'
import {
  createFloatingIpPools,
  createFloatingIps,
  floatingIpCapabilities,
  releaseFloatingIps
} from './network/floating-ips.ts'
import { createKeyPairs, keyPairCapabilities } from './network/key-pairs.ts'
import {
  createNetworks,
  createSubnets,
  networkCapabilities,
  subnetCapabilities
} from './network/networks.ts'
import { createRouters, routerCapabilities } from './network/routers.ts'
import { createSecurityGroups, securityGroupCapabilities } from './network/security-groups.ts'
import { createNodes, nodeCapabilities } from './nodes/nodes.ts'
import { releaseVolumes } from './storage/attachments.ts'
import { createImages, imageCapabilities } from './storage/images.ts'
import { createSnapshots, snapshotCapabilities } from './storage/snapshots.ts'
import { createVolumes, volumeCapabilities } from './storage/volumes.ts'

const ids = {
  nodes: /^node-[0-9a-f]{8}$/,
  images: /^img-[a-z0-9-]+$/,
  sizes: /^dummy\.[a-z]+$/,
  locations: /^[a-z0-9][a-z0-9-]*$/,
  key_pairs: /^[^\p{Cc}]{1,255}$/u,
  networks: /^net-[a-z0-9]+$/,
  subnets: /^subnet-[a-z0-9]+$/,
  routers: /^router-[0-9a-f]{8}$/,
  security_groups: /^sg-[a-z0-9]+$/,
  floating_ips: /^fip-[0-9a-f]{8}$/,
  floating_ip_pools: /^net-[a-z0-9]+$/,
  volumes: /^vol-[0-9a-f]{8}$/,
  volume_types: /^[a-z]+$/,
  snapshots: /^snap-[0-9a-f]{8}$/
}

const capabilities: Connection['capabilities'] = {
  nodes: nodeCapabilities,
  key_pairs: keyPairCapabilities,
  networks: networkCapabilities,
  subnets: subnetCapabilities,
  routers: routerCapabilities,
  security_groups: securityGroupCapabilities,
  floating_ips: floatingIpCapabilities,
  images: imageCapabilities,
  volumes: volumeCapabilities,
  snapshots: snapshotCapabilities
}

function connect (settings: Settings, context: Context): Connection {
  const { location, page_size: pageSize } = settings
  const engine = createEngine(settings, context, [releaseVolumes, releaseFloatingIps])
  const catalog = createCatalog(context, location)
  const { interceptServices, interceptMethods } = createInterceptor(settings, context.limit)
  const services: Services = {
    nodes: createNodes(engine),
    key_pairs: createKeyPairs(engine),
    networks: createNetworks(engine),
    subnets: createSubnets(engine),
    routers: createRouters(engine),
    security_groups: createSecurityGroups(engine),
    floating_ips: createFloatingIps(engine),
    floating_ip_pools: createFloatingIpPools(engine),
    images: createImages(engine, catalog.images),
    volumes: createVolumes(engine),
    volume_types: createStaticService(catalog.volumeTypes, 'volume type', pageSize),
    snapshots: createSnapshots(engine),
    quotas: createQuotas(engine),
    sizes: createStaticService(catalog.sizes, 'size', pageSize),
    locations: createStaticService(catalog.locations, 'location', pageSize)
  }
  return {
    cloud: context.cloud,
    driver: 'dummy',
    host: null,
    location,
    ids,
    capabilities,
    ...interceptServices(services),
    ...interceptMethods({
      check: async () => {
        await engine.open()
      }
    }),
    // Nothing to refresh: this cloud has no caches of remote data.
    refresh () {},
    close: engine.close
  }
}

/**
 * A small cloud inside the server, for trying the server and its clients without a real cloud, and for testing slow
 * answers, failures and rare states. Its rules and statuses are those of Nova, Cinder and Glance. It keeps no contents:
 * of an uploaded file it keeps the size and the hash, an import fetches nothing, and the address of a console does not
 * resolve.
 */
export default defineDriver({
  name: 'dummy',
  title: 'A cloud inside this server, for trying it',
  settings,
  locationSetting: 'location',
  createOptions,
  resolve (given, { cloud, directory, dataDirectory }) {
    const { state_file: file = join(dataDirectory, `dummy-${cloud}.json`) } = given
    return typeof file === 'string' ? { ...given, state_file: resolve(directory, file) } : given
  },
  // Libcloud's dummy has two nodes at the start.
  fromOriginal: () => ({ settings: { nodes: 2 } }),
  connect
})
