import type { CapabilityDetails } from '../driver.ts'

const common = ['name', 'tag']

/** What there is to say of key pairs, networks and what belongs to them. */
export const networkDetails: Record<string, CapabilityDetails> = {
  'networks.list': { filters: [...common, 'is_external'], limits: { limit: 1000 } },
  'networks.create': { parameters: ['name', 'mtu', 'tags'], limits: { tag_characters: 255 } },
  'networks.update': { parameters: ['name', 'tags'] },
  'subnets.list': { filters: [...common, 'network_id'], limits: { limit: 1000 } },
  'subnets.create': { parameters: ['name', 'network_id', 'cidr', 'gateway_ip', 'dns_servers', 'tags'], limits: { tag_characters: 255 } },
  'subnets.update': { parameters: ['name', 'gateway_ip', 'dns_servers', 'tags'] },
  'routers.list': { filters: common, limits: { limit: 1000 } },
  'routers.create': { parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'], limits: { tag_characters: 255 } },
  'routers.update': { parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'] },
  'routers.add_interface': { parameters: ['subnet_id'] },
  'routers.remove_interface': { parameters: ['subnet_id'] },
  'security_groups.list': { filters: common, limits: { limit: 1000 } },
  'security_groups.create': { parameters: ['name', 'description', 'tags'], limits: { tag_characters: 255 } },
  'security_groups.update': { parameters: ['name', 'description', 'tags'] },
  'security_groups.create_rule': {
    parameters: [
      'direction', 'ethertype', 'protocol', 'port_min', 'port_max', 'icmp_type', 'icmp_code', 'cidr', 'remote_group_id', 'description'
    ]
  },
  'floating_ips.list': { filters: ['address', 'node_id', 'tag'], limits: { limit: 1000 } },
  'floating_ips.create': { parameters: ['pool', 'tags'], limits: { tag_characters: 255 } },
  'floating_ips.associate': { parameters: ['node_id', 'nic_id', 'fixed_address'] },
  'floating_ip_pools.list': { filters: common, limits: { limit: 1000 } }
}
