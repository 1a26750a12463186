import type { Subnet, SubnetCreate, SubnetUpdate } from '../../../openapi/model/index.ts'
import type { Filters, Identity, SubnetService } from '../../driver.ts'
import type { Neutron, NeutronObject } from './neutron.ts'
import { common, createCollection, createUpdate } from './collection.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { resources } from '../client/resources.ts'

/** A subnet as Neutron tells it. It has no status. */
export interface NeutronSubnet extends NeutronObject {
  network_id: string
  cidr: string
  ip_version?: number
  gateway_ip?: string | null
  dns_nameservers?: string[]
}

export const toSubnet = (raw: NeutronSubnet, identity: Identity, extra: boolean): Subnet => ({
  ...common(raw, identity),
  state: 'available',
  network_id: raw.network_id,
  cidr: raw.cidr,
  ip_version: raw.ip_version ?? null,
  gateway_ip: raw.gateway_ip ?? null,
  dns_servers: raw.dns_nameservers ?? [],
  // Neutron's subnets are in all zones.
  availability_zone: null,
  ...(extra ? { extra: { ...raw } } : {})
})

/** Refusals in Neutron's words (each was provoked). */
const fields: readonly FieldRefusal[] = [
  { pattern: /^Network .* could not be found/, pointer: '/network_id' },
  { pattern: /gateway/i, pointer: '/gateway_ip' },
  { pattern: /nameserver/i, pointer: '/dns_servers' },
  { pattern: /cidr|overlaps/i, pointer: '/cidr' }
]

type Fields = Pick<SubnetUpdate, 'name' | 'gateway_ip' | 'dns_servers'>

/** `gateway_ip` null means that there shall be none; left out, Neutron takes the first address. */
const toBody = ({ dns_servers: servers, ...rest }: Fields) => ({ ...rest, ...(servers === undefined ? {} : { dns_nameservers: servers }) })

/** Subnets of Neutron. */
export function createSubnets (neutron: Neutron, identify: (id: string) => Identity): SubnetService {
  const kind = {
    neutron,
    resource: resources.subnet,
    path: 'subnets',
    identify,
    fields,
    map: async (raws: readonly NeutronSubnet[], extra: boolean) => raws.map((raw) => toSubnet(raw, identify(raw.id), extra)),
    async filter ({ network_id: networks }: Filters) {
      return networks === undefined
        ? { query: {}, applied: [] }
        : { query: { network_id: networks }, applied: ['network_id'] }
    },
    body ({ network_id: network, cidr, tags: _, availability_zone: _zone, ...rest }: SubnetCreate) {
      return { network_id: network, cidr, ip_version: cidr.includes(':') ? 6 : 4, ...toBody(rest) }
    }
  }
  const collection = createCollection(kind)
  return { ...collection, update: createUpdate<Subnet, SubnetUpdate>({ ...kind, get: collection.get, body: toBody }) }
}
