import type { Subnet, SubnetCreate, SubnetUpdate } from '../../../openapi/model/index.ts'
import { describe, type SubnetService } from '../../driver.ts'
import { tagLimits } from '../client/tags.ts'
import { createCollection, createUpdate, type Identify, type Kind } from './collection.ts'
import type { Neutron, NeutronSubnet } from './neutron.ts'

export const capabilities = describe<SubnetService>({
  list: { filters: ['name', 'tag', 'network_id'], limits: { limit: 1000 } },
  create: {
    parameters: ['name', 'network_id', 'cidr', 'gateway_ip', 'dns_servers', 'tags'],
    limits: tagLimits
  },
  update: { parameters: ['name', 'gateway_ip', 'dns_servers', 'tags'], limits: tagLimits }
})

/** A `gateway_ip` of null means no gateway. If it is left out, Neutron takes the first address. */
const toBody = ({ name, gateway_ip: gateway, dns_servers: servers }: SubnetUpdate) => ({
  name,
  gateway_ip: gateway,
  dns_nameservers: servers
})

/** Subnets of Neutron. */
export function createSubnets (neutron: Neutron, identify: Identify): SubnetService {
  const kind: Kind<NeutronSubnet, Subnet, SubnetCreate> = {
    objects: neutron.subnets,
    tags: neutron.tags.of('subnets'),
    identify,
    // Each message was provoked.
    fields: [
      { pattern: /^Network .* could not be found/, pointer: '/network_id' },
      { pattern: /gateway/i, pointer: '/gateway_ip' },
      { pattern: /nameserver/i, pointer: '/dns_servers' },
      { pattern: /cidr|overlaps/i, pointer: '/cidr' }
    ],
    toFields: (raw) => ({
      state: 'available',
      network_id: raw.network_id,
      cidr: raw.cidr,
      ip_version: raw.ip_version ?? null,
      gateway_ip: raw.gateway_ip ?? null,
      dns_servers: raw.dns_nameservers ?? [],
      // A subnet of Neutron is in all availability zones.
      availability_zone: null
    }),
    toQuery: ({ network_id: networks }) => ({ network_id: networks }),
    toBody: ({ network_id: network, cidr, ...input }) => ({
      network_id: network,
      cidr,
      ip_version: cidr.includes(':') ? 6 : 4,
      ...toBody(input)
    })
  }
  const collection = createCollection(kind)
  return { ...collection, update: createUpdate(kind, collection.get, toBody) }
}
