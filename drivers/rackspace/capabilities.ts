import type { CapabilityDetails } from '../driver.ts'
import { nodeFilters, userDataBytes } from '../openstack/public.ts'
import { imageFilters } from './images.ts'

const page = { limit: 1000 }
const tags = { tag_characters: 255 }

/** What there is to say of each capability. */
export const details: Readonly<Record<string, CapabilityDetails>> = {
  'nodes.list': { filters: nodeFilters, limits: page },
  'nodes.create': {
    parameters: [
      'name', 'image_id', 'size_id', 'key_pair_name', 'user_data', 'networks', 'networks.network_id', 'tags', 'root_volume', 'root_volume.size',
      'root_volume.delete_on_termination', 'provider_options', 'provider_options.rackspace.config_drive', 'provider_options.rackspace.disk_config'
    ],
    limits: { user_data_bytes: userDataBytes, ...tags }
  },
  'nodes.update': { parameters: ['name', 'tags'], limits: tags },
  'nodes.reboot': { parameters: ['type'] },
  'nodes.rescue': { parameters: ['image_id'] },
  'nodes.resize': { parameters: ['size_id'] },
  'nodes.rebuild': { parameters: ['image_id'] },
  'nodes.attach_nic': { parameters: ['network_id'] },
  'nodes.console': { parameters: ['kind.url'] },
  'images.list': { filters: imageFilters, limits: page },
  'images.create': { parameters: ['name', 'node_id', 'tags'], limits: tags },
  'images.update': { parameters: ['tags'], limits: tags },
  'sizes.list': { limits: page },
  'key_pairs.create': { parameters: ['name', 'public_key', 'type'] },
  'networks.create': { parameters: ['name', 'cidr'] },
  'volumes.list': { filters: ['name'], limits: page },
  'volumes.create': { parameters: ['name', 'size', 'type', 'snapshot_id', 'image_id', 'tags'], limits: tags },
  'volumes.update': { parameters: ['name', 'tags'], limits: tags },
  'volumes.attach': { parameters: ['node_id', 'device'] },
  'volumes.detach': { parameters: ['node_id'] },
  'snapshots.list': { filters: ['name'], limits: page },
  'snapshots.create': { parameters: ['volume_id', 'name', 'description', 'tags'], limits: tags },
  'snapshots.update': { parameters: ['name', 'tags'], limits: tags }
}
