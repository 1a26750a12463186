import type { CapabilityDetails } from '../driver.ts'
import { amazon } from './client/cloud.ts'
import { networkDetailsOf } from './network-details.ts'
import { userDataBytes } from './compute/node-create.ts'
import { createOptions } from './compute/node-options.ts'
import { nodeFilters } from './compute/nodes.ts'
import { storageDetailsOf } from './storage-details.ts'

const create = [
  'name', 'image_id', 'size_id', 'availability_zone', 'key_pair_name', 'user_data', 'networks', 'networks.network_id',
  'networks.subnet_id', 'networks.fixed_ip', 'networks.security_group_ids', 'security_group_ids', 'tags', 'count', 'protected',
  'root_volume', 'root_volume.size', 'root_volume.type', 'root_volume.delete_on_termination'
]

/** What there is to say of each capability. */
export const nodeDetails: Record<string, CapabilityDetails> = {
  'nodes.list': { filters: nodeFilters, limits: { limit: 100 } },
  'nodes.create': { parameters: create, limits: { user_data_bytes: userDataBytes, tag_characters: 256 } },
  'nodes.update': { parameters: ['name', 'tags', 'protected'] },
  'nodes.resize': { parameters: ['size_id'] },
  'nodes.console': { parameters: ['kind.text'] }
}

const ownOptions = ['provider_options', ...Object.keys(createOptions.properties).map((name) => `provider_options.ec2.${name}`)]

export const capabilityDetails: Record<string, CapabilityDetails> = {
  ...nodeDetails,
  ...networkDetailsOf(amazon),
  ...storageDetailsOf(amazon),
  'nodes.create': { ...nodeDetails['nodes.create'], parameters: [...create, ...ownOptions] }
}
