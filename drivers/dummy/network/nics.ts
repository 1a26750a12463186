import { ProblemError, type FieldError, type NicCreate } from '../../../openapi/model/index.ts'
import { newId } from '../records.ts'
import { field } from '../refusal.ts'
import type { Store } from '../store.ts'
import type { Nic, StoredNode } from '../stored.ts'
import { freeAddress } from './addresses.ts'
import { defaultGroup, privateNetwork } from './builtin.ts'
import { formatIp, hostsOf, isInside, parseBlock, parseIp } from './ip.ts'
import type { StoredSubnet } from './stored.ts'

/** The subnets that a NIC may be put in. */
function subnetsFor ({ networks, subnets }: Store, { network_id: networkId, subnet_id: subnetId }: NicCreate): StoredSubnet[] {
  const named = subnetId === undefined ? networks.find(networkId ?? '')?.data.subnets.map(({ id }) => id) ?? [] : [subnetId]
  return named.flatMap((id) => subnets.find(id)?.data ?? [])
    .filter((subnet) => networkId === undefined || subnet.network_id === networkId)
}

/** An address in the form in which addresses are compared. */
const normal = (address: string) => {
  const ip = parseIp(address)
  return ip === undefined ? address : formatIp(ip)
}

/** The subnet of them in which this address may be had. */
const subnetOf = (subnets: readonly StoredSubnet[], address: string) => {
  const ip = parseIp(address)
  return ip === undefined ? undefined : subnets.find(({ cidr }) => isInside(ip, hostsOf(parseBlock(cidr)!)))
}

function fixedIpErrors (store: Store, subnets: readonly StoredSubnet[], address: string, at: string): FieldError[] {
  const subnet = subnetOf(subnets, address)
  const pointer = `${at}/fixed_ip`
  if (subnet === undefined) return [field(pointer, `must be an address inside ${subnets.map(({ cidr }) => cidr).join(' or ')}`)]
  if (normal(address) === subnet.gateway_ip) return [field(pointer, 'must not be the gateway')]
  return store.taken.has(subnet.id, normal(address)) ? [field(pointer, 'must be free: somebody has this address')] : []
}

/** What is wrong with the security groups named there. */
export const groupErrors = (store: Store, groups: readonly string[] | undefined, at: string): FieldError[] => (groups ?? [])
  .flatMap((id, i) => store.security_groups.has(id) ? [] : [field(`${at}/security_group_ids/${i}`, 'must be the id of a security group of this cloud')])

/** What is wrong with the place of a NIC. */
function placeErrors (store: Store, wanted: NicCreate, at: string): FieldError[] {
  const { network_id: networkId, subnet_id: subnetId, fixed_ip: fixedIp } = wanted
  if (networkId === undefined && subnetId === undefined) return [field(`${at}/network_id`, 'must be there, or subnet_id')]
  if (networkId !== undefined && !store.networks.has(networkId)) return [field(`${at}/network_id`, 'must be the id of a network of this cloud')]
  if (subnetId !== undefined && !store.subnets.has(subnetId)) return [field(`${at}/subnet_id`, 'must be the id of a subnet of this cloud')]
  const subnets = subnetsFor(store, wanted)
  if (subnets.length > 0) return fixedIp === undefined ? [] : fixedIpErrors(store, subnets, fixedIp, at)
  return [subnetId === undefined
    ? field(`${at}/network_id`, 'must be a network that has a subnet')
    : field(`${at}/subnet_id`, 'must be a subnet of this network')]
}

/** What is wrong with NICs that are wanted; of several, each stands at its place under `at`. */
export const nicErrors = (store: Store, wanted: NicCreate, at = '') =>
  [...placeErrors(store, wanted, at), ...groupErrors(store, wanted.security_group_ids, at)]

/** Throws provider_capacity where no subnet that it may be in has a free address. */
function addressFor (store: Store, wanted: NicCreate, place: number, others: readonly Nic[]) {
  const subnets = subnetsFor(store, wanted)
  if (wanted.fixed_ip !== undefined) return { subnet: subnetOf(subnets, wanted.fixed_ip)!, address: normal(wanted.fixed_ip) }
  for (const subnet of subnets) {
    const isTaken = (address: string) => store.taken.has(subnet.id, address) ||
      others.some((nic) => nic.subnet_id === subnet.id && nic.address === address)
    const address = freeAddress(subnet, BigInt(place), isTaken)
    if (address !== undefined) return { subnet, address }
  }
  throw new ProblemError('provider_capacity', `There is no free address in ${wanted.subnet_id ?? wanted.network_id}`)
}

/**
 * NICs as they are wanted, which nicErrors has found nothing wrong with; they are not kept yet. `groups` are those of NICs
 * that name none. Free addresses are sought from `place` on.
 */
export function newNics (store: Store, wanted: readonly NicCreate[], place: number, groups: readonly string[] = [defaultGroup]): Nic[] {
  const nics: Nic[] = []
  for (const one of wanted) {
    const { subnet, address } = addressFor(store, one, place, nics)
    nics.push({
      id: newId({ has: (id) => nics.some((nic) => nic.id === id) }, 'nic'),
      network_id: subnet.network_id,
      subnet_id: subnet.id,
      address,
      security_group_ids: [...new Set(one.security_group_ids ?? groups)],
      floating: null
    })
  }
  return nics
}

/** The NICs of a node for which none are named: one on the network that is there from the start. */
export const defaultNics = ({ networks }: Store): NicCreate[] =>
  (networks.find(privateNetwork)?.data.subnets.length ?? 0) > 0 ? [{ network_id: privateNetwork }] : []

/** The node that has a NIC. */
export const ownerOf = ({ nodes }: Store, nicId: string) => nodes.entries.find(({ data }) => data.nics.some(({ id }) => id === nicId))

export const groupsOf = ({ nics }: StoredNode) => [...new Set(nics.flatMap(({ security_group_ids: ids }) => ids))]
