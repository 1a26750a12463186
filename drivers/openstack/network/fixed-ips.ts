import { BlockList, isIP } from 'node:net'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import { findBy, type Neutron } from './neutron.ts'

/** A requested address, and its place in the request. */
export interface RequestedIp {
  pointer: string
  network_id: string
  fixed_ip: string
}

const familyOf = (address: string) => address.includes(':') ? 'ipv6' as const : 'ipv4' as const

/** Returns whether an address is in a block: `10.0.0.5` in `10.0.0.0/24`. */
export function isWithin (address: string, cidr: string) {
  const [base = '', prefix = ''] = cidr.split('/')
  if (isIP(address) === 0 || isIP(base) === 0 || familyOf(address) !== familyOf(base)) return false
  const block = new BlockList()
  block.addSubnet(base, Number(prefix), familyOf(base))
  return block.check(address, familyOf(address))
}

/**
 * Refuses addresses outside of their network. Nova finds them only during the build, or answers
 * with an internal error. If no subnet of a network is visible, the cloud decides. Throws
 * validation_failed.
 */
export async function checkFixedIps (
  neutron: Neutron,
  requested: readonly RequestedIp[],
  call: Call
) {
  for (const { pointer, fixed_ip: address } of requested) {
    if (isIP(address) === 0) throw invalid(pointer, 'must be an IP address')
  }
  const ids = [...new Set(requested.map(({ network_id: id }) => id))]
  const query = { fields: ['id', 'network_id', 'cidr'] }
  const subnets = await findBy(neutron.subnets, 'network_id', ids, query, call)
  for (const { pointer, network_id: network, fixed_ip: address } of requested) {
    const cidrs = subnets.filter(({ network_id: id }) => id === network).map(({ cidr }) => cidr)
    if (cidrs.length === 0 || cidrs.some((cidr) => isWithin(address, cidr))) continue
    throw invalid(
      pointer,
      `must be an address of one of the network's subnets: ${cidrs.join(', ')}`
    )
  }
}
