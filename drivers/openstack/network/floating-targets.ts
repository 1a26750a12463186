import type { FloatingIpAssociate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron } from './neutron.ts'
import type { Port } from './ports.ts'
import { resources } from '../client/resources.ts'
import { readInterfaces, type NeutronRouter } from './routers.ts'

type Wanted = Pick<FloatingIpAssociate, 'node_id' | 'nic_id' | 'fixed_address'>

const fields = ['id', 'device_id', 'fixed_ips']

const ipsOf = ({ fixed_ips: ips = [] }: Port) => ips.filter(({ ip_address: address }) => !address.includes(':'))

/** Whether a floating IP could stand for an address of this NIC. */
const fits = (port: Port, address: string | undefined) =>
  ipsOf(port).some(({ ip_address: own }) => address === undefined || own === address)

const listed = (ports: readonly Port[]) =>
  ports.map((port) => `${port.id} (${port.fixed_ips?.map(({ ip_address: address }) => address).join(', ')})`).join('; ') || 'none'

/**
 * The NIC that is meant: of a node, the one that fits. Where several could have it, the one that a router leads to from
 * the pool; where that leaves none or more than one, validation_failed lists the NICs.
 */
export async function chooseNic (neutron: Neutron, pool: string, wanted: Wanted, call: Call) {
  const { node_id: node, nic_id: nic, fixed_address: address } = wanted
  if (node === undefined) return nic!
  const ports = await neutron.all<Port>(resources.port, { device_id: node, fields }, call)
  if (nic !== undefined) {
    if (ports.some(({ id }) => id === nic)) return nic
    throw invalid('/nic_id', `is no NIC of the node; its NICs are: ${listed(ports)}`)
  }
  const fitting = ports.filter((port) => fits(port, address))
  if (fitting.length === 1) return fitting[0]!.id
  const reached = fitting.length === 0 ? [] : await reachable(neutron, pool, fitting, call)
  if (reached.length === 1) return reached[0]!.id
  if (address !== undefined && fitting.length === 0) {
    throw invalid('/fixed_address', `is on none of the node's NICs, which are: ${listed(ports)}`)
  }
  const why = reached.length === 0 ? 'has no NIC that a router leads to from the pool' : 'has more than one NIC that fits'
  throw invalid('/node_id', `${why}; give nic_id. Its NICs are: ${listed(ports)}`)
}

/** Those of the ports whose subnet is behind a router that leads to the pool. */
async function reachable (neutron: Neutron, pool: string, ports: readonly Port[], call: Call) {
  const routers = await neutron.all<NeutronRouter>(resources.router, { fields: ['id', 'external_gateway_info'] }, call)
  const leading = routers.filter(({ external_gateway_info: gateway }) => gateway?.network_id === pool).map(({ id }) => id)
  const subnets = new Set([...(await readInterfaces(neutron, leading, call)).values()].flat())
  return ports.filter((port) => ipsOf(port).some(({ subnet_id: subnet }) => subnet !== undefined && subnets.has(subnet)))
}
