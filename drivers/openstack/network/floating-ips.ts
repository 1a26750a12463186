import {
  ProblemError,
  type FloatingIp,
  type FloatingIpCreate,
  type FloatingIpPool
} from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { describe, type FloatingIpService, type ReadService } from '../../driver.ts'
import { uuid } from '../../common/ids.ts'
import { invalid } from '../../common/invalid.ts'
import type { FieldRefusal } from '../../common/refusals.ts'
import { tagLimits } from '../client/tags.ts'
import { createCollection, type Identify } from './collection.ts'
import { chooseNic } from './floating-targets.ts'
import {
  findBy,
  maxIds,
  type Neutron,
  type NeutronFloatingIp,
  type NeutronNetwork,
  type Port
} from './neutron.ts'
import { networkState } from './networks.ts'

// Each message was provoked.
const createFields: readonly FieldRefusal[] = [
  { pattern: /^Network .* could not be found|not a valid external network/, pointer: '/pool' }
]
const targetFields: readonly FieldRefusal[] = [
  {
    pattern: /fixed IP|fixed_ip|multiple fixed|^Port .* does not have/i,
    pointer: '/fixed_address'
  },
  { pattern: /^External network .* is not reachable|^Port |port/i, pointer: '/nic_id' }
]

/** An address with port forwardings has no port of its own, but it is in use. */
function stateOf (
  { status, port_id: port, port_forwardings: forwardings = [] }: NeutronFloatingIp
) {
  if (status?.toUpperCase() === 'ERROR') return 'error'
  return typeof port === 'string' || forwardings.length > 0 ? 'associated' : 'available'
}

/** Returns the node of a port. Routers, DHCP and load balancers have ports too. */
const nodeOf = ({ device_id: device, device_owner: owner }: Port) =>
  device !== '' && owner?.startsWith('compute:') === true ? device : null

const external = { 'router:external': true }

export const capabilities = describe<FloatingIpService>({
  list: { filters: ['address', 'node_id', 'tag'], limits: { limit: 1000 } },
  create: { parameters: ['pool', 'tags'], limits: tagLimits },
  associate: { parameters: ['node_id', 'nic_id', 'fixed_address'] }
})

/** Floating IPs of Neutron, with their nodes, which take one more call for a page. */
export function createFloatingIps (neutron: Neutron, identify: Identify): FloatingIpService {
  const readNodes = async (floatingIps: readonly NeutronFloatingIp[], call: Call) => {
    const ids = floatingIps.flatMap(({ port_id: port }) => port ?? [])
    const query = { fields: ['id', 'device_id', 'device_owner'] }
    const ports = await findBy(neutron.ports, 'id', ids, query, call)
    return new Map(ports.map((port) => [port.id, nodeOf(port)]))
  }

  /** Finds an external network by its id or name. Without either, finds the only one. */
  const findPool = async (pool: string | undefined, call: Call) => {
    if (pool !== undefined && uuid.test(pool)) return pool
    const query = { ...external, name: pool, fields: ['id', 'name'] }
    const found = await neutron.networks.all(query, call)
    if (found.length === 1) return found[0]!.id
    if (found.length > 1) {
      throw invalid(
        '/pool',
        `must be one of: ${found.map(({ id, name }) => `${id} (${name})`).join(', ')}`
      )
    }
    throw invalid(
      '/pool',
      pool === undefined
        ? 'cannot be chosen: this cloud has no external network'
        : `is not the name of a pool of this cloud: "${pool}"`
    )
  }

  const collection = createCollection<
    NeutronFloatingIp,
    FloatingIp,
    FloatingIpCreate,
    Map<string, string | null>
  >({
    objects: neutron.floatingIps,
    tags: neutron.tags.of('floatingips'),
    identify,
    hasNames: false,
    fields: createFields,
    readRelated: readNodes,
    toFields: (raw, nodes) => ({
      state: stateOf(raw),
      address: raw.floating_ip_address ?? null,
      version: 4,
      pool: raw.floating_network_id,
      node_id: nodes.get(raw.port_id ?? '') ?? null,
      nic_id: raw.port_id ?? null,
      fixed_address: raw.fixed_ip_address ?? null
    }),
    async toQuery ({ address, node_id: nodes }, call) {
      const query = { floating_ip_address: address }
      if (nodes === undefined) return query
      const ports = await findBy(neutron.ports, 'device_id', nodes, { fields: ['id'] }, call)
      if (ports.length === 0) return null
      return ports.length > maxIds ? query : { ...query, port_id: ports.map(({ id }) => id) }
    },
    toBody: async ({ pool }, call) => ({ floating_network_id: await findPool(pool, call) })
  })

  const setPort = async (id: string, body: object, call: Call) => {
    await neutron.floatingIps.update(id, body, call, { fields: targetFields })
    return collection.get(id, { extra: false }, call)
  }

  return {
    ...collection,
    async associate (id, input, call) {
      const { floating_network_id: pool } = await neutron.floatingIps.show(id, call)
      const port = await chooseNic(neutron, pool, input, call)
      return setPort(id, { port_id: port, fixed_ip_address: input.fixed_address }, call)
    },
    disassociate: (id, call) => setPort(id, { port_id: null }, call)
  }
}

export const poolCapabilities = describe<ReadService<FloatingIpPool>>({
  list: { filters: ['name', 'tag'], limits: { limit: 1000 } }
})

/** The pools of floating IPs: Neutron's external networks. */
export function createFloatingIpPools (
  neutron: Neutron,
  identify: Identify
): ReadService<FloatingIpPool> {
  const { list, get } = createCollection<NeutronNetwork, FloatingIpPool, object>({
    objects: {
      ...neutron.networks,
      async show (id, call) {
        const network = await neutron.networks.show(id, call)
        if (network['router:external'] === true) return network
        throw new ProblemError(
          'resource_not_found',
          `The network ${id} is not external, so it is not a pool`
        )
      }
    },
    tags: neutron.tags.of('networks'),
    identify,
    fields: [],
    toFields: (raw) => ({ state: networkState(raw) }),
    toQuery: () => external,
    toBody: () => ({})
  })
  return { list, get }
}
