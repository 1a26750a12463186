import { ProblemError } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { bind, type Bound, type Query, type ResourceCalls } from '../client/bind.ts'
import type { Client } from '../client/client.ts'
import { readFrom, type MarkedPage } from '../client/paging.ts'
import { resources } from '../client/resources.ts'
import { explainNeutron } from './refusals.ts'

/** The fields that all resources of Neutron have. */
export interface NeutronObject {
  id: string
  name?: string | null
  description?: string | null
  status?: string | null
  /** False if an administrator has switched it off. Networks, routers and ports have it. */
  admin_state_up?: boolean
  created_at?: string
  updated_at?: string
  tags?: string[]
}

export interface NeutronNetwork extends NeutronObject {
  subnets?: string[]
  mtu?: number | null
  shared?: boolean
  'router:external'?: boolean
}

/** A subnet has no status. */
export interface NeutronSubnet extends NeutronObject {
  network_id: string
  cidr: string
  ip_version?: number
  gateway_ip?: string | null
  dns_nameservers?: string[]
}

/** A port, in the fields that the list names. */
export interface Port extends NeutronObject {
  /** The server or router that has the port; empty if none has. */
  device_id: string
  device_owner?: string
  network_id: string
  mac_address: string
  fixed_ips?: Array<{ ip_address: string, subnet_id?: string }>
  security_groups?: string[]
}

/** The interfaces of a router are ports. */
export interface NeutronRouter extends NeutronObject {
  external_gateway_info?: { network_id?: string } | null
}

export interface NeutronFloatingIp extends NeutronObject {
  floating_ip_address?: string
  floating_network_id: string
  port_id?: string | null
  fixed_ip_address?: string | null
  /** Ports of the address that are forwarded to nodes, with Neutron's extension `floating-ip-port-forwarding`. */
  port_forwardings?: unknown[]
}

export interface NeutronGroup extends NeutronObject {
  security_group_rules?: NeutronRule[]
}

export interface NeutronRule extends NeutronObject {
  security_group_id: string
  direction: string
  ethertype?: string | null
  protocol?: string | null
  /** The type, if the protocol is ICMP. */
  port_range_min?: number | null
  /** The code, if the protocol is ICMP. */
  port_range_max?: number | null
  remote_ip_prefix?: string | null
  remote_group_id?: string | null
  /** The address group of the remote end, with Neutron's extension `security-groups-remote-address-group`. */
  remote_address_group_id?: string | null
}

/** The resources of Neutron, bound to a cloud. */
export interface Neutron {
  networks: Bound<NeutronNetwork>
  subnets: Bound<NeutronSubnet>
  ports: Bound<Port>
  routers: Bound<NeutronRouter>
  floatingIps: Bound<NeutronFloatingIp>
  securityGroups: Bound<NeutronGroup>
  rules: Bound<NeutronRule>
  /** The tags of any resource, as one list: `tags.of('networks').update(id, { tags }, call)`. */
  tags: Bound<{ tags: string[] }>
}

export function createNeutron (client: Client): Neutron {
  const bindResource = <T extends object>(calls: ResourceCalls) =>
    bind<T>(client, calls, { service: 'network', explain: explainNeutron })

  return {
    networks: bindResource(resources.network),
    subnets: bindResource(resources.subnet),
    ports: bindResource(resources.port),
    routers: bindResource(resources.router),
    floatingIps: bindResource(resources.floatingIp),
    securityGroups: bindResource(resources.securityGroup),
    rules: bindResource(resources.securityGroupRule),
    tags: bindResource(resources.networkTags)
  }
}

/** 100 ids make a URL of 5 kB; servers accept 8 kB. */
export const maxIds = 100

/** Reads all objects whose `field` has one of these values: one call for each hundred values. */
export async function findBy<T> (
  objects: Bound<T>,
  field: string,
  values: readonly string[],
  query: Query,
  call: Call
): Promise<T[]> {
  const count = Math.ceil(values.length / maxIds)
  const chunks = Array.from({ length: count }, (_, i) => values.slice(i * maxIds, (i + 1) * maxIds))
  return (await Promise.all(chunks.map((chunk) => objects.all({ ...query, [field]: chunk }, call))))
    .flat()
}

/** Pages need an order that does not change if an object is created or deleted between two pages. */
const order = { sort_key: 'id', sort_dir: 'asc' }

/** Reads one page in the order of ids, at a token of an earlier page. */
export const readPageById = <T extends NeutronObject>(
  objects: Bound<T>,
  query: Query,
  token: string | null,
  call: Call
): Promise<MarkedPage<T>> =>
    readFrom(token, async ({ marker }) => {
      const page = await objects.list({ ...query, ...order, marker }, call)
      assertFollows(page.items, marker)
      return page
    })

/**
 * Some lists of Neutron start anew if the marker is gone, without an error. Then their items
 * precede the marker.
 */
function assertFollows (items: readonly NeutronObject[], marker: string | undefined) {
  if (marker === undefined || items.every(({ id }) => id.toLowerCase() > marker.toLowerCase())) {
    return
  }
  throw new ProblemError('resource_not_found', 'The marker is gone')
}
