import type { InstanceNetworkInterfaceSpecification, Subnet } from '@aws-sdk/client-ec2'
import { BlockList, isIPv4 } from 'node:net'
import { ProblemError, type NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../invalid.ts'
import type { Client } from '../client/client.ts'

type Wanted = NonNullable<NodeCreate['networks']>[number]

export interface Nics {
  NetworkInterfaces: InstanceNetworkInterfaceSpecification[]
}

/**
 * The NICs of a create. Amazon attaches to subnets: for a network, one of its subnets is chosen, in the zone that is asked
 * for or in which the NICs before are, that has the address asked for, and of those the one with the most room. Throws
 * validation_failed where there is none.
 */
export async function planNics (client: Client, input: Pick<NodeCreate, 'networks' | 'security_group_ids' | 'availability_zone'>, call: Call): Promise<Nics | undefined> {
  const { networks = [], security_group_ids: groups = [] } = input
  if (networks.length === 0) return undefined
  let zone = input.availability_zone
  const nics: InstanceNetworkInterfaceSpecification[] = []
  for (const [index, wanted] of networks.entries()) {
    const subnet = await chooseSubnet(client, wanted, zone, `/networks/${index}`, call)
    zone = subnet.AvailabilityZone
    const own = [...new Set([...groups, ...wanted.security_group_ids ?? []])]
    nics.push({
      DeviceIndex: index,
      SubnetId: subnet.SubnetId,
      DeleteOnTermination: true,
      ...addressParameters(wanted.fixed_ip),
      ...(own.length === 0 ? {} : { Groups: own })
    })
  }
  return { NetworkInterfaces: nics }
}

/** The address of a NIC as parameters of its creation. */
export function addressParameters (address: string | undefined) {
  if (address === undefined) return {}
  return isIPv4(address) ? { PrivateIpAddress: address } : { Ipv6Addresses: [{ Ipv6Address: address }] }
}

/** The subnet of a NIC. `pointer` is where the request asks for the NIC. Throws validation_failed at its network or subnet. */
export async function chooseSubnet (
  client: Client, wanted: Wanted, zone: string | undefined, pointer: string, call: Call
): Promise<Subnet> {
  const { network_id: network, subnet_id: id, fixed_ip: address } = wanted
  const at = `${pointer}/${id === undefined ? 'network_id' : 'subnet_id'}`
  const found = await readSubnets(client, wanted, at, call)
  const there = found.filter(({ VpcId: vpc }) => network === undefined || vpc === network)
  if (there.length === 0) {
    throw invalid(at, id === undefined ? `network ${network!} has no subnet` : `subnet ${id} is not in network ${network!}`)
  }
  const reached = there.filter((subnet) => address === undefined || holds(subnet, address))
  if (reached.length === 0) throw invalid(`${pointer}/fixed_ip`, `must be an address of ${listed(there)}`)
  const near = reached.filter(({ AvailabilityZone: own }) => zone === undefined || own === zone)
  if (near.length === 0) throw invalid(at, `must have a subnet in the zone ${zone!}; there are ${listed(reached)}`)
  return near.sort((a, b) => (b.AvailableIpAddressCount ?? 0) - (a.AvailableIpAddressCount ?? 0))[0]!
}

async function readSubnets (
  client: Client, { network_id: network, subnet_id: id }: Wanted, at: string, call: Call
): Promise<Subnet[]> {
  const input = id === undefined ? { Filters: [{ Name: 'vpc-id', Values: [network!] }] } : { SubnetIds: [id] }
  try {
    return (await client.read((sdk) => new sdk.DescribeSubnetsCommand(input), call)).Subnets ?? []
  } catch (error) {
    if (error instanceof ProblemError && (error.code === 'resource_not_found' || error.code === 'provider_rejected')) {
      throw invalid(at, 'is not there')
    }
    throw error
  }
}

const listed = (subnets: readonly Subnet[]) =>
  subnets.map(({ SubnetId: id, CidrBlock: cidr, AvailabilityZone: zone }) => `${id} (${cidr}, ${zone})`).join(', ')

/** Whether an address is in one of the blocks of a subnet. */
function holds ({ CidrBlock: four, Ipv6CidrBlockAssociationSet: six = [] }: Subnet, address: string) {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const blocks = family === 'ipv4' ? [four] : six.map(({ Ipv6CidrBlock: block }) => block)
  const list = new BlockList()
  for (const block of blocks) {
    const [net, bits] = block?.split('/') ?? []
    if (net !== undefined) list.addSubnet(net, Number(bits), family)
  }
  return list.check(address, family)
}
