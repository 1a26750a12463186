import { formatIp, hostsOf, parseBlock, parseIp, type Block } from './ip.ts'
import type { SubnetRecord } from './records.ts'

type Subnet = Pick<SubnetRecord, 'id' | 'cidr' | 'gateway_ip'>

interface SubnetAddress {
  subnet_id: string
  address: string
}

/** Creates the index of the addresses in use by NICs and floating IPs. */
export function createUsedAddresses () {
  const bySubnet = new Map<string, Set<string>>()
  const add = ({ subnet_id: id, address }: SubnetAddress) => {
    const used = bySubnet.get(id)
    if (used === undefined) bySubnet.set(id, new Set([address]))
    else used.add(address)
  }
  return {
    has: (subnetId: string, address: string) => bySubnet.get(subnetId)?.has(address) ?? false,
    count: (subnetId: string) => bySubnet.get(subnetId)?.size ?? 0,
    replace (before: readonly SubnetAddress[], after: readonly SubnetAddress[]) {
      for (const { subnet_id: id, address } of before) bySubnet.get(id)?.delete(address)
      for (const address of after) add(address)
    }
  }
}

/** Caches the parsed blocks, because a create chooses addresses for thousands of nodes. */
const pools = new Map<string, Block>()
const maxPools = 1000

/** Returns the host addresses of a subnet, without a gateway at either end. */
function poolOf ({ cidr, gateway_ip: gateway }: Subnet): Block {
  const key = `${cidr} ${gateway}`
  const known = pools.get(key)
  if (known !== undefined) return known
  const hosts = hostsOf(parseBlock(cidr)!)
  const value = gateway === null ? undefined : parseIp(gateway)?.value
  const pool = {
    ...hosts,
    first: value === hosts.first ? hosts.first + 1n : hosts.first,
    last: value === hosts.last ? hosts.last - 1n : hosts.last
  }
  if (pools.size > maxPools) pools.clear()
  pools.set(key, pool)
  return pool
}

export const poolSize = (subnet: Subnet) => {
  const { first, last } = poolOf(subnet)
  return last < first ? 0n : last - first + 1n
}

/** Positions beyond the last address start again at the first. */
export function addressAt (subnet: Subnet, position: bigint) {
  const { version, first } = poolOf(subnet)
  return formatIp({ version, value: first + position % poolSize(subnet) })
}

/** Finds a free address; usually the one at `position` is free. */
export function findFreeAddress (
  subnet: Subnet,
  position: bigint,
  isUsed: (address: string) => boolean
) {
  const size = poolSize(subnet)
  for (let i = 0n; i < size; i++) {
    const address = addressAt(subnet, position + i)
    if (address !== subnet.gateway_ip && !isUsed(address)) return address
  }
  return undefined
}

/** Derives the MAC from the NIC's id, so that it is unique. 0a marks it as locally administered. */
export const macOf = (nicId: string) =>
  `0a:16:${(nicId.slice('nic-'.length).match(/../g) ?? []).join(':')}`
