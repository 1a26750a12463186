import type { CapabilityDetails } from '../driver.ts'
import type { Dialect } from './client/cloud.ts'

const common = ['name', 'tag']
const limits = { tag_characters: 256 }

/** What there is to say of networks and what belongs to them. */
export const networkDetailsOf = ({ tagsOnCreate, ruleIds }: Dialect): Record<string, CapabilityDetails> => ({
  'networks.list': { filters: common, limits: { limit: 200 } },
  'networks.create': { parameters: ['name', 'cidr', 'tags'], limits },
  'networks.update': { parameters: ['name', 'tags'] },
  'subnets.list': { filters: [...common, 'network_id'], limits: { limit: 200 } },
  'subnets.create': { parameters: ['name', 'network_id', 'cidr', 'availability_zone', 'tags'], limits },
  'subnets.update': { parameters: ['name', 'tags'] },
  'routers.list': { filters: common, limits: { limit: 100 } },
  'routers.create': { parameters: ['name', 'network_id', 'external_gateway', 'external_gateway.network_id', 'tags'], limits },
  'routers.update': { parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'] },
  'routers.add_interface': { parameters: ['subnet_id'] },
  'routers.remove_interface': { parameters: ['subnet_id'] },
  'security_groups.list': { filters: common, limits: { limit: 200 } },
  'security_groups.create': { parameters: ['name', 'description', 'network_id', 'tags'], limits },
  'security_groups.update': { parameters: ['tags'] },
  'security_groups.create_rule': {
    parameters: [
      'direction', 'protocol', 'port_min', 'port_max', 'icmp_type', 'icmp_code', 'cidr', 'remote_group_id',
      ...(ruleIds ? ['ethertype', 'description'] : [])
    ]
  },
  // Where tags come after the creation, addresses take none (Eucalyptus 4).
  'floating_ips.list': { filters: ['address', 'node_id', ...(tagsOnCreate ? common : [])] },
  'floating_ips.create': tagsOnCreate ? { parameters: ['tags'], limits } : {},
  'floating_ips.associate': { parameters: ['node_id', 'nic_id', 'fixed_address'] },
  'nodes.attach_nic': { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
  'nodes.add_security_group': { parameters: ['security_group_id'] }
})
