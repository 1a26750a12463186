import type { CapabilityDetails } from '../driver.ts'
import { nodeFilters } from './client/filters.ts'
import { atLeast, microversions, type Microversion, type VersionRange } from './client/microversions.ts'
import { userDataBytes } from './compute/node-create.ts'
import { storageDetails } from './storage-details.ts'

const create = [
  'name', 'image_id', 'size_id', 'availability_zone', 'key_pair_name', 'user_data', 'networks', 'networks.network_id',
  'networks.subnet_id', 'networks.fixed_ip', 'networks.security_group_ids', 'security_group_ids', 'tags', 'provider_options',
  'count', 'root_volume', 'root_volume.size', 'root_volume.delete_on_termination'
]
const options = ['config_drive', 'scheduler_hints', 'disk_config', 'description'].map((option) => `provider_options.openstack.${option}`)

/**
 * What there is to say of each capability. As long as Nova's versions are not known (undefined) it is taken to have
 * all; one that lacks a version loses what needs it.
 */
export function capabilityDetails (range: VersionRange | null | undefined): Record<string, CapabilityDetails> {
  const has = ({ lowest }: Microversion) => range === undefined || (range !== null && atLeast(range.max, lowest))
  const described = has(microversions.describeServer)
  const rootTypes = has(microversions.rootVolumeType) ? ['root_volume.type'] : []
  // Without `locked` in a server nobody could see what was set.
  const locked = has(microversions.readServers)
  return {
    'nodes.list': { filters: nodeFilters, limits: { limit: 1000 } },
    'nodes.create': {
      parameters: [...create, ...rootTypes, ...options.filter((option) => described || !option.endsWith('.description'))],
      limits: { user_data_bytes: userDataBytes, tag_characters: 255 }
    },
    'nodes.update': { parameters: ['name', 'tags', ...(locked ? ['protected'] : [])] },
    'nodes.reboot': { parameters: ['type'] },
    'nodes.rescue': { parameters: ['image_id'] },
    'nodes.resize': { parameters: ['size_id'] },
    'nodes.rebuild': { parameters: ['image_id'] },
    'nodes.attach_nic': { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
    'nodes.add_security_group': { parameters: ['security_group_id'] },
    'key_pairs.create': { parameters: ['name', 'type', 'public_key'] },
    ...storageDetails
  }
}
