import {
  ProblemError,
  type FieldError,
  type NicCreate,
  type Node
} from '../../../openapi/model/index.ts'
import {
  defaultGroup,
  errorUnless,
  fieldError,
  findFreeAddress,
  formatIp,
  hostsOf,
  isInside,
  macOf,
  mustBeIdOf,
  newId,
  parseBlock,
  parseIp,
  privateNetwork,
  publicNetwork,
  type NicRecord,
  type NodeRecord,
  type Store,
  type SubnetRecord
} from '../engine/index.ts'

function subnetsFor (
  { networks, subnets }: Store,
  { network_id: networkId, subnet_id: subnetId }: NicCreate
) {
  const network = networks.find(networkId ?? '')?.data
  const ids = subnetId === undefined ? network?.subnets.map(({ id }) => id) : [subnetId]
  return (ids ?? [])
    .flatMap((id) => subnets.find(id)?.data ?? [])
    .filter((subnet) => (networkId ?? subnet.network_id) === subnet.network_id)
}

/** Returns the canonical form of an address, in which addresses are compared. */
export const normalizeIp = (address: string) => {
  const ip = parseIp(address)
  return ip === undefined ? address : formatIp(ip)
}

const subnetOf = (subnets: readonly SubnetRecord[], address: string) => {
  const ip = parseIp(address)
  return ip && subnets.find(({ cidr }) => isInside(ip, hostsOf(parseBlock(cidr)!)))
}

function fixedIpErrors (
  store: Store,
  subnets: readonly SubnetRecord[],
  address: string,
  pointer: string
) {
  const subnet = subnetOf(subnets, address)
  if (subnet === undefined) {
    const cidrs = subnets.map(({ cidr }) => cidr).join(' or ')
    return [fieldError(pointer, `must be an address inside ${cidrs}`)]
  }
  const normal = normalizeIp(address)
  if (normal === subnet.gateway_ip) return [fieldError(pointer, 'must not be the gateway')]
  return errorUnless(
    !store.usedAddresses.has(subnet.id, normal),
    pointer,
    'must be free: this address is in use'
  )
}

/** `path` is the pointer of the object that names the groups. */
export const groupErrors = (
  { security_groups: groups }: Store,
  ids: readonly string[] = [],
  path: string
) =>
  ids.flatMap((id, i) =>
    errorUnless(
      groups.has(id),
      `${path}/security_group_ids/${i}`,
      mustBeIdOf('a security group')
    )
  )

function locationErrors (store: Store, nic: NicCreate, path: string): FieldError[] {
  const { network_id: networkId, subnet_id: subnetId, fixed_ip: fixedIp } = nic
  const networkPointer = `${path}/network_id`
  const subnetPointer = `${path}/subnet_id`
  if (networkId === undefined && subnetId === undefined) {
    return [fieldError(networkPointer, 'or subnet_id is required')]
  }
  if (networkId !== undefined && !store.networks.has(networkId)) {
    return [fieldError(networkPointer, mustBeIdOf('a network'))]
  }
  if (subnetId !== undefined && !store.subnets.has(subnetId)) {
    return [fieldError(subnetPointer, mustBeIdOf('a subnet'))]
  }
  const subnets = subnetsFor(store, nic)
  if (subnets.length > 0) {
    return fixedIp === undefined ? [] : fixedIpErrors(store, subnets, fixedIp, `${path}/fixed_ip`)
  }
  return subnetId === undefined
    ? [fieldError(networkPointer, 'must be a network that has a subnet')]
    : [fieldError(subnetPointer, 'must be a subnet of this network')]
}

/** `path` is the pointer of the NIC in the request. */
export const nicErrors = (
  store: Store,
  nic: NicCreate,
  path = ''
) => [...locationErrors(store, nic, path), ...groupErrors(store, nic.security_group_ids, path)]

function chooseAddress (
  store: Store,
  nic: NicCreate,
  position: number,
  others: readonly NicRecord[]
) {
  const subnets = subnetsFor(store, nic)
  const { fixed_ip: fixedIp } = nic
  if (fixedIp !== undefined) {
    return { subnet: subnetOf(subnets, fixedIp)!, address: normalizeIp(fixedIp) }
  }
  for (const subnet of subnets) {
    const address = findFreeAddress(
      subnet,
      BigInt(position),
      (address) =>
        store.usedAddresses.has(subnet.id, address) ||
        others.some((other) => other.subnet_id === subnet.id && other.address === address)
    )
    if (address !== undefined) return { subnet, address }
  }
  throw new ProblemError(
    'provider_capacity',
    `There is no free address in ${nic.subnet_id ?? nic.network_id}`
  )
}

/**
 * Creates the records of NICs, which `nicErrors` has checked. `groups` are the security groups of NICs that name none.
 * The search for free addresses starts at `position`.
 */
export function createNics (
  store: Store,
  inputs: readonly NicCreate[],
  position: number,
  groups: readonly string[] = [defaultGroup]
): NicRecord[] {
  const nics: NicRecord[] = []
  for (const input of inputs) {
    const { subnet, address } = chooseAddress(store, input, position, nics)
    nics.push({
      id: newId('nic', (id) => nics.some((nic) => nic.id === id)),
      network_id: subnet.network_id,
      subnet_id: subnet.id,
      address,
      security_group_ids: [...new Set(input.security_group_ids ?? groups)],
      floating: null
    })
  }
  return nics
}

/** A node that names no NICs has one on the private network, if this still has a subnet. */
export const defaultNics = ({ networks }: Store): NicCreate[] => {
  const network = networks.find(privateNetwork)?.data
  return network?.subnets.length ? [{ network_id: privateNetwork }] : []
}

export const nodeOfNic = ({ nodes }: Store, nicId: string) =>
  nodes.entries.find(({ data }) => data.nics.some(({ id }) => id === nicId))

export const groupIdsOf = (
  { nics }: NodeRecord
) => [...new Set(nics.flatMap(({ security_group_ids: ids }) => ids))]

/** Returns the address of a NIC, and its floating IP. */
export function addressesOf (nic: NicRecord): Node['addresses'] {
  const { id, network_id: networkId, address, floating } = nic
  const own = {
    address,
    version: address.includes(':') ? 6 as const : 4 as const,
    scope: networkId === publicNetwork ? 'public' as const : 'private' as const,
    kind: 'fixed' as const,
    network_id: networkId,
    nic_id: id,
    mac: macOf(id)
  }
  if (floating === null) return [own]
  return [own, { ...own, address: floating.address, scope: 'public', kind: 'floating' }]
}
