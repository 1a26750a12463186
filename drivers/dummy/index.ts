import { join, resolve } from 'node:path'
import { defineDriver, type CapabilityDetails, type Connection, type Context } from '../driver.ts'
import { createCatalog } from './catalog.ts'
import { mostUserData } from './create.ts'
import { createWay } from './faults.ts'
import { listFilters } from './list.ts'
import { createNetworking, networkDetails, networkIds } from './network/index.ts'
import { createNodes } from './nodes.ts'
import { createReads } from './page.ts'
import { createOptions, settings, type Settings } from './settings.ts'
import { createState } from './state.ts'
import { createStorage, storageDetails, storageIds } from './storage/index.ts'
import { mostTags } from './tags.ts'
import { createView } from './view.ts'

const ids = {
  nodes: /^node-[0-9a-f]{8}$/,
  images: /^img-[a-z0-9-]+$/,
  sizes: /^dummy\.[a-z]+$/,
  locations: /^[a-z0-9][a-z0-9-]*$/,
  ...networkIds,
  ...storageIds
}

const details: Record<string, CapabilityDetails> = {
  'nodes.list': { filters: [...listFilters] },
  'nodes.create': {
    parameters: [
      'name', 'image_id', 'size_id', 'availability_zone', 'key_pair_name', 'user_data', 'networks', 'networks.network_id',
      'networks.subnet_id', 'networks.fixed_ip', 'networks.security_group_ids', 'security_group_ids', 'root_volume',
      'root_volume.size', 'root_volume.type', 'root_volume.delete_on_termination', 'tags', 'count', 'protected', 'provider_options'
    ],
    limits: { user_data_bytes: mostUserData }
  },
  'nodes.update': { parameters: ['name', 'tags', 'protected'], limits: { tags: mostTags } },
  'nodes.reboot': { parameters: ['type'] },
  'nodes.resize': { parameters: ['size_id'] },
  'nodes.rebuild': { parameters: ['image_id'] },
  ...networkDetails,
  ...storageDetails
}

function connect (given: Settings, context: Context): Connection {
  const { location, page_size: pageSize } = given
  const state = createState(given)
  const onItsWay = createWay(given, context.limit)
  const catalog = createCatalog(context, location)
  const network = createNetworking(given, state, context)
  const storage = createStorage(given, context, state, catalog.images)
  return {
    cloud: context.cloud,
    driver: 'dummy',
    host: null,
    location,
    ids,
    details,
    nodes: onItsWay('nodes', createNodes(given, state, createView(context, location, state.volumesOf))),
    key_pairs: onItsWay('key_pairs', network.key_pairs),
    networks: onItsWay('networks', network.networks),
    subnets: onItsWay('subnets', network.subnets),
    routers: onItsWay('routers', network.routers),
    security_groups: onItsWay('security_groups', network.security_groups),
    floating_ips: onItsWay('floating_ips', network.floating_ips),
    floating_ip_pools: onItsWay('floating_ip_pools', network.floating_ip_pools),
    images: onItsWay('images', storage.images),
    volumes: onItsWay('volumes', storage.volumes),
    volume_types: onItsWay('volume_types', storage.volume_types),
    snapshots: onItsWay('snapshots', storage.snapshots),
    quotas: onItsWay('quotas', storage.quotas),
    sizes: onItsWay('sizes', createReads(catalog.sizes, 'size', pageSize)),
    locations: onItsWay('locations', createReads(catalog.locations, 'location', pageSize)),
    ...onItsWay('', { check: async () => { await state.open() } }),
    // Nothing here is a copy of something elsewhere.
    refresh () {},
    close: state.close
  }
}

/**
 * A little cloud of its own inside the server: to try the server and its clients before there is a cloud, and to meet
 * slow answers, failures and rare states on purpose. Its machine and its words for states are Nova's, Cinder's and
 * Glance's. It keeps no contents: of an uploaded file only length and hash, and what an import names is never fetched. The
 * address of a console leads nowhere: names under .invalid never do.
 */
export default defineDriver({
  name: 'dummy',
  title: 'A cloud inside this server, to try it with',
  settings,
  locationSetting: 'location',
  createOptions,
  resolve (given, { cloud, directory, dataDirectory }) {
    const { state_file: file = join(dataDirectory, `dummy-${cloud}.json`) } = given
    return typeof file === 'string' ? { ...given, state_file: resolve(directory, file) } : given
  },
  connect
})
