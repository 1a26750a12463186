import { ProblemError, type FloatingIp, type FloatingIpAssociate, type FloatingIpCreate, type FloatingIpPool } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import type { Filters, FloatingIpService, Identity, ReadService } from '../../driver.ts'
import { chooseNic } from './floating-targets.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron, NeutronObject } from './neutron.ts'
import { common, createCollection, explained } from './collection.ts'
import { networkState, type NeutronNetwork } from './networks.ts'
import type { Port } from './ports.ts'
import type { FieldRefusal } from '../../refusals.ts'
import { resources } from '../client/resources.ts'

/** A floating IP as Neutron tells it. */
export interface NeutronFloatingIp extends NeutronObject {
  floating_ip_address?: string
  floating_network_id: string
  port_id?: string | null
  fixed_ip_address?: string | null
}

/** Refusals in Neutron's words (each was provoked). */
const createFields: readonly FieldRefusal[] = [{ pattern: /^Network .* could not be found|not a valid external network/, pointer: '/pool' }]
const targetFields: readonly FieldRefusal[] = [
  { pattern: /fixed IP|fixed_ip|multiple fixed|^Port .* does not have/i, pointer: '/fixed_address' },
  { pattern: /^External network .* is not reachable|^Port |port/i, pointer: '/nic_id' }
]

const stateOf = ({ status, port_id: port }: NeutronFloatingIp) =>
  status?.toUpperCase() === 'ERROR' ? 'error' : typeof port === 'string' ? 'associated' : 'available'

export const toFloatingIp = (raw: NeutronFloatingIp, node: string | null, identity: Identity, extra: boolean): FloatingIp => ({
  ...common(raw, identity),
  // Neutron's floating IPs have no name.
  name: null,
  state: stateOf(raw),
  address: raw.floating_ip_address ?? null,
  version: 4,
  pool: raw.floating_network_id,
  node_id: node,
  nic_id: raw.port_id ?? null,
  fixed_address: raw.fixed_ip_address ?? null,
  ...(extra ? { extra: { ...raw } } : {})
})

/** What else has ports: routers, DHCP, load balancers. */
const nodeOf = ({ device_id: device, device_owner: owner }: Port) => device !== '' && owner?.startsWith('compute:') === true ? device : null

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const external = { 'router:external': true }

/** Floating IPs of Neutron, with the nodes behind them: one more call for a page. */
export function createFloatingIps (neutron: Neutron, identify: (id: string) => Identity): FloatingIpService {
  const { floatingIp: resource } = resources

  const readNodes = async (ports: readonly string[], call: Call) => {
    const found = await neutron.allOf<Port>(resources.port, 'id', ports, { fields: ['id', 'device_id', 'device_owner'] }, call)
    return new Map(found.map((port) => [port.id, nodeOf(port)]))
  }

  /** The external network that is meant: by id, by name, or the only one. */
  const poolOf = async (pool: string | undefined, call: Call) => {
    if (pool !== undefined && uuid.test(pool)) return pool
    const query = { ...external, ...(pool === undefined ? {} : { name: pool }), fields: ['id', 'name'] }
    const found = await neutron.all<NeutronNetwork>(resources.network, query, call)
    if (found.length === 1) return found[0]!.id
    if (found.length === 0) throw invalid('/pool', pool === undefined ? 'cannot be chosen: this cloud has none' : `names no pool of this cloud: "${pool}"`)
    throw invalid('/pool', `must be one of: ${found.map(({ id, name }) => `${id} (${name})`).join(', ')}`)
  }

  const collection = createCollection({
    neutron,
    resource,
    path: 'floatingips',
    unnamed: true,
    identify,
    fields: createFields,
    async map (raws: readonly NeutronFloatingIp[], extra: boolean, call: Call) {
      const nodes = await readNodes(raws.flatMap(({ port_id: port }) => port ?? []), call)
      return raws.map((raw) => toFloatingIp(raw, nodes.get(raw.port_id ?? '') ?? null, identify(raw.id), extra))
    },
    async filter ({ address, node_id: nodes }: Filters, call: Call) {
      const query: Record<string, unknown> = address === undefined ? {} : { floating_ip_address: address }
      const applied = address === undefined ? [] : ['address']
      if (nodes === undefined) return { query, applied }
      const ports = await neutron.allOf<Port>(resources.port, 'device_id', nodes, { fields: ['id'] }, call)
      // Of many ports the URL would be too long.
      if (ports.length === 0) return null
      return ports.length > 100 ? { query, applied } : { query: { ...query, port_id: ports.map(({ id }) => id) }, applied: [...applied, 'node_id'] }
    },
    body: async ({ pool }: FloatingIpCreate, call: Call) => ({ floating_network_id: await poolOf(pool, call) })
  })

  const give = async (id: string, body: object, call: Call) => {
    await explained(() => neutron.update(resource, id, body, call), targetFields)
    return collection.get(id, { extra: false }, call)
  }

  return {
    ...collection,
    async associate (id: string, input: FloatingIpAssociate, call: Call) {
      const { floating_network_id: pool } = await neutron.show<NeutronFloatingIp>(resource, id, call)
      const port = await chooseNic(neutron, pool, input, call)
      return give(id, { port_id: port, ...(input.fixed_address === undefined ? {} : { fixed_ip_address: input.fixed_address }) }, call)
    },
    disassociate: (id: string, call: Call) => give(id, { port_id: null }, call)
  }
}

/** The pools that floating IPs are taken from: Neutron's external networks. */
export function createFloatingIpPools (neutron: Neutron, identify: (id: string) => Identity): ReadService<FloatingIpPool> {
  const toPool = (raw: NeutronNetwork, extra: boolean): FloatingIpPool => ({
    ...common(raw, identify(raw.id)), state: networkState(raw.status), ...(extra ? { extra: { ...raw } } : {})
  })
  const { list } = createCollection({
    neutron,
    resource: resources.network,
    path: 'networks',
    identify,
    fields: [],
    map: async (raws: readonly NeutronNetwork[], extra: boolean) => raws.map((raw) => toPool(raw, extra)),
    filter: async () => ({ query: external, applied: [] }),
    body: () => ({})
  })
  return {
    list,
    async get (id, { extra }, call) {
      const raw = await neutron.show<NeutronNetwork>(resources.network, id, call)
      if (raw['router:external'] !== true) throw new ProblemError('resource_not_found', `The network ${id} does not lead outside, so it is no pool`)
      return toPool(raw, extra)
    }
  }
}
