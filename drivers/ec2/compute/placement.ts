import type { InstanceNetworkInterfaceSpecification, Subnet } from '@aws-sdk/client-ec2'
import { BlockList, isIPv4 } from 'node:net'
import type { NodeCreate } from '../../../openapi/model/index.ts'
import type { Call } from '../../call.ts'
import { invalid } from '../../common/invalid.ts'
import { isProblem, type Client } from '../client/index.ts'

type NicRequest = NonNullable<NodeCreate['networks']>[number]

type NicsRequest = Pick<NodeCreate, 'networks' | 'security_group_ids' | 'availability_zone'>

/**
 * Plans the NICs of a create. Amazon attaches NICs to subnets. For a network, this chooses one of its subnets: in the
 * requested zone, or in that of the earlier NICs, with the requested address, and of those the one with the most free
 * addresses. Throws validation_failed if no subnet matches.
 */
export async function planNics (
  client: Client,
  input: NicsRequest,
  call: Call
): Promise<InstanceNetworkInterfaceSpecification[] | undefined> {
  const { networks = [], security_group_ids: sharedGroups = [] } = input
  if (networks.length === 0) return undefined
  let zone = input.availability_zone
  const nics: InstanceNetworkInterfaceSpecification[] = []
  for (const [index, request] of networks.entries()) {
    const subnet = await chooseSubnet(client, request, zone, `/networks/${index}`, call)
    zone = subnet.AvailabilityZone
    const groups = [...new Set([...sharedGroups, ...request.security_group_ids ?? []])]
    nics.push({
      DeviceIndex: index,
      SubnetId: subnet.SubnetId,
      DeleteOnTermination: true,
      ...toAddressParameters(request.fixed_ip),
      Groups: groups.length === 0 ? undefined : groups
    })
  }
  return nics
}

/** Returns the parameters for the address of a new NIC. */
export function toAddressParameters (address: string | undefined) {
  if (address === undefined) return {}
  return isIPv4(address)
    ? { PrivateIpAddress: address }
    : { Ipv6Addresses: [{ Ipv6Address: address }] }
}

/**
 * Chooses the subnet of a NIC. `pointer` is the place of the NIC in the request. Throws validation_failed at its
 * network, subnet or address.
 */
export async function chooseSubnet (
  client: Client,
  request: NicRequest,
  zone: string | undefined,
  pointer: string,
  call: Call
): Promise<Subnet> {
  const { network_id: network, subnet_id: id, fixed_ip: address } = request
  const subnetPointer = `${pointer}/${id === undefined ? 'network_id' : 'subnet_id'}`
  const found = await readSubnets(client, request, subnetPointer, call)
  const subnets = found.filter(({ VpcId: vpc }) => network === undefined || vpc === network)
  if (subnets.length === 0) {
    const message = id === undefined
      ? `network ${network} has no subnet`
      : `subnet ${id} is not in network ${network}`
    throw invalid(subnetPointer, message)
  }
  const withAddress = subnets.filter((subnet) =>
    address === undefined || hasAddress(subnet, address)
  )
  if (withAddress.length === 0) {
    throw invalid(`${pointer}/fixed_ip`, `must be an address of ${listSubnets(subnets)}`)
  }
  const inZone = withAddress.filter(({ AvailabilityZone: own }) =>
    zone === undefined || own === zone
  )
  if (inZone.length === 0) {
    throw invalid(
      subnetPointer,
      `has no subnet in the zone ${zone}; its subnets: ${listSubnets(withAddress)}`
    )
  }
  const freeAddressesOf = ({ AvailableIpAddressCount: count = 0 }: Subnet) => count
  return inZone.sort((a, b) => freeAddressesOf(b) - freeAddressesOf(a))[0]!
}

async function readSubnets (
  client: Client,
  { network_id: network = '', subnet_id: id }: NicRequest,
  pointer: string,
  call: Call
): Promise<Subnet[]> {
  const input = id === undefined
    ? { Filters: [{ Name: 'vpc-id', Values: [network] }] }
    : { SubnetIds: [id] }
  try {
    const { Subnets: subnets = [] } = await client.read('DescribeSubnets', input, call)
    return subnets
  } catch (error) {
    if (isProblem(error, 'resource_not_found', 'provider_rejected')) {
      throw invalid(pointer, 'does not exist')
    }
    throw error
  }
}

const listSubnets = (subnets: readonly Subnet[]) =>
  subnets.map(({ SubnetId: id, CidrBlock: cidr, AvailabilityZone: zone }) =>
    `${id} (${cidr}, ${zone})`
  ).join(', ')

/** Whether an address is in one of the blocks of a subnet. */
function hasAddress (
  { CidrBlock: v4, Ipv6CidrBlockAssociationSet: v6 = [] }: Subnet,
  address: string
) {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const blocks = family === 'ipv4' ? [v4] : v6.map(({ Ipv6CidrBlock: block }) => block)
  const list = new BlockList()
  for (const block of blocks) {
    const [network, bits] = block?.split('/') ?? []
    if (network !== undefined) list.addSubnet(network, Number(bits), family)
  }
  return list.check(address, family)
}
