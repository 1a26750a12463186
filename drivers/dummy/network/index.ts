import type { CapabilityDetails, Context, Services } from '../../driver.ts'
import type { Settings } from '../settings.ts'
import type { State } from '../state.ts'
import { mostTags } from '../tags.ts'
import { createFloatingIps, createPools } from './floating-ips.ts'
import { createKeyPairs } from './key-pairs.ts'
import { createNetworks } from './networks.ts'
import { createRouters } from './routers.ts'
import { createSecurityGroups } from './security-groups.ts'
import { createSubnets } from './subnets.ts'

const network = /^net-[a-z0-9]+$/

export const networkIds = {
  key_pairs: /^[^\p{Cc}]{1,255}$/u,
  networks: network,
  subnets: /^subnet-[a-z0-9]+$/,
  routers: /^router-[0-9a-f]{8}$/,
  security_groups: /^sg-[a-z0-9]+$/,
  floating_ips: /^fip-[0-9a-f]{8}$/,
  floating_ip_pools: network
}

const limits = { tags: mostTags }

/** What can be said to each method, dotted where it is inside something. */
export const networkDetails: Record<string, CapabilityDetails> = {
  'nodes.attach_nic': { parameters: ['network_id', 'subnet_id', 'fixed_ip', 'security_group_ids'] },
  'nodes.add_security_group': { parameters: ['security_group_id'] },
  'key_pairs.create': { parameters: ['name', 'type', 'public_key'] },
  'networks.create': { parameters: ['name', 'mtu', 'tags'], limits },
  'networks.update': { parameters: ['name', 'tags'], limits },
  'subnets.create': { parameters: ['name', 'network_id', 'cidr', 'gateway_ip', 'dns_servers', 'tags'], limits },
  'subnets.update': { parameters: ['name', 'gateway_ip', 'dns_servers', 'tags'], limits },
  'routers.create': { parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'], limits },
  'routers.update': { parameters: ['name', 'external_gateway', 'external_gateway.network_id', 'tags'], limits },
  'routers.add_interface': { parameters: ['subnet_id'] },
  'routers.remove_interface': { parameters: ['subnet_id'] },
  'security_groups.create': { parameters: ['name', 'description', 'tags'], limits },
  'security_groups.update': { parameters: ['name', 'description', 'tags'], limits },
  'security_groups.create_rule': {
    parameters: [
      'direction', 'ethertype', 'protocol', 'port_min', 'port_max', 'icmp_type', 'icmp_code', 'cidr', 'remote_group_id', 'description'
    ]
  },
  'floating_ips.create': { parameters: ['pool', 'tags'], limits },
  'floating_ips.associate': { parameters: ['node_id', 'nic_id', 'fixed_address'] }
}

/** Networks, what connects and guards them, and the keys to nodes. */
export const createNetworking = (settings: Settings, state: State, context: Context) => ({
  key_pairs: createKeyPairs(settings, state, context),
  networks: createNetworks(settings, state, context),
  subnets: createSubnets(settings, state, context),
  routers: createRouters(settings, state, context),
  security_groups: createSecurityGroups(settings, state, context),
  floating_ips: createFloatingIps(settings, state, context),
  floating_ip_pools: createPools(settings, state, context)
}) satisfies Services
