import { BlockList, isIP } from 'node:net'
import type { Call } from '../../call.ts'
import { invalid } from '../../invalid.ts'
import type { Neutron } from './neutron.ts'
import { resources } from '../client/resources.ts'
import type { NeutronSubnet } from './subnets.ts'

/** An address that is asked for in a network, and where in the request. */
export interface WantedIp {
  pointer: string
  network_id: string
  fixed_ip: string
}

const familyOf = (address: string) => address.includes(':') ? 'ipv6' as const : 'ipv4' as const

/** Whether an address is in a block: `10.0.0.5` in `10.0.0.0/24`. */
export function isWithin (address: string, cidr: string) {
  const [base = '', prefix = ''] = cidr.split('/')
  if (isIP(address) === 0 || isIP(base) === 0 || familyOf(address) !== familyOf(base)) return false
  const block = new BlockList()
  block.addSubnet(base, Number(prefix), familyOf(base))
  return block.check(address, familyOf(address))
}

/**
 * Refuses addresses outside of their network, which Nova would find out only while it builds, or answer with a fault of
 * its own. Subnets that cannot be seen are left to the cloud. Throws validation_failed.
 */
export async function checkFixedIps (neutron: Neutron, wanted: readonly WantedIp[], call: Call) {
  for (const { pointer, fixed_ip: address } of wanted) {
    if (isIP(address) === 0) throw invalid(pointer, 'must be an IP address')
  }
  const ids = [...new Set(wanted.map(({ network_id: id }) => id))]
  const subnets = await neutron.allOf<NeutronSubnet>(resources.subnet, 'network_id', ids, { fields: ['id', 'network_id', 'cidr'] }, call)
  for (const { pointer, network_id: network, fixed_ip: address } of wanted) {
    const cidrs = subnets.filter(({ network_id: id }) => id === network).map(({ cidr }) => cidr)
    if (cidrs.length === 0 || cidrs.some((cidr) => isWithin(address, cidr))) continue
    throw invalid(pointer, `must be an address of one of the network's subnets: ${cidrs.join(', ')}`)
  }
}
