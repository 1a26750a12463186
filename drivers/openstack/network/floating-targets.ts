import type { FloatingIpAssociate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import type { Neutron, Port } from './neutron.ts'
import { readInterfaces } from './routers.ts'

const ipv4Of = ({ fixed_ips: ips = [] }: Port) =>
  ips.filter(({ ip_address: address }) => !address.includes(':'))

/** Returns whether a floating IP can be associated with an address of this port. */
const hasAddress = (port: Port, address: string | undefined) =>
  ipv4Of(port).some(({ ip_address: own }) => address === undefined || own === address)

function format (ports: readonly Port[]) {
  const formatted = ports.map(({ id, fixed_ips: ips = [] }) =>
    `${id} (${ips.map(({ ip_address: address }) => address).join(', ')})`
  )
  return formatted.join('; ') || 'none'
}

/**
 * Chooses the NIC for a floating IP: of a node, the only one that has the address. If several have
 * it, the one that a router connects to the pool. If that leaves none or several, throws
 * validation_failed with a list of the NICs.
 */
export async function chooseNic (
  neutron: Neutron,
  pool: string,
  { node_id: node, nic_id: nic, fixed_address: address }: FloatingIpAssociate,
  call: Call
): Promise<string> {
  if (node === undefined) return nic!
  const query = { device_id: node, fields: ['id', 'device_id', 'fixed_ips'] }
  const ports = await neutron.ports.all(query, call)
  if (nic !== undefined) {
    if (ports.some(({ id }) => id === nic)) return nic
    throw invalid('/nic_id', `is not a NIC of the node; its NICs are: ${format(ports)}`)
  }
  const candidates = ports.filter((port) => hasAddress(port, address))
  if (candidates.length === 1) return candidates[0]!.id
  const routed = candidates.length === 0 ? [] : await findRouted(neutron, pool, candidates, call)
  if (routed.length === 1) return routed[0]!.id
  if (address !== undefined && candidates.length === 0) {
    throw invalid(
      '/fixed_address',
      `is not an address of the node's NICs, which are: ${format(ports)}`
    )
  }
  const reason = routed.length === 0
    ? 'has no NIC that a router connects to the pool'
    : 'has more than one NIC that a router connects to the pool'
  throw invalid('/node_id', `${reason}; give nic_id. Its NICs are: ${format(ports)}`)
}

/** Returns the ports whose subnet a router connects to the pool. */
async function findRouted (neutron: Neutron, pool: string, ports: readonly Port[], call: Call) {
  const routers = await neutron.routers.all({ fields: ['id', 'external_gateway_info'] }, call)
  const connected = routers.filter(({ external_gateway_info: gateway }) =>
    gateway?.network_id === pool
  )
  const ids = connected.map(({ id }) => id)
  const subnets = new Set([...(await readInterfaces(neutron, ids, call)).values()].flat())
  return ports.filter(
    (port) => ipv4Of(port).some(({ subnet_id: id }) => id !== undefined && subnets.has(id))
  )
}
