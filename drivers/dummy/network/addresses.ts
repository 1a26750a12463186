import { formatIp, hostsOf, parseBlock, parseIp, type Block } from './ip.ts'

interface Subnet {
  id: string
  cidr: string
  gateway_ip: string | null
}

/** Which addresses of each subnet somebody has. */
export function createTaken () {
  const bySubnet = new Map<string, Set<string>>()
  return {
    has: (subnetId: string, address: string) => bySubnet.get(subnetId)?.has(address) ?? false,
    count: (subnetId: string) => bySubnet.get(subnetId)?.size ?? 0,
    add (subnetId: string, address: string) {
      const taken = bySubnet.get(subnetId)
      if (taken === undefined) bySubnet.set(subnetId, new Set([address]))
      else taken.add(address)
    },
    delete (subnetId: string, address: string) { bySubnet.get(subnetId)?.delete(address) }
  }
}

export type Taken = ReturnType<typeof createTaken>

/** Parsed once for each block that there is: an address is chosen for each of thousands of nodes. */
const pools = new Map<string, Block>()

/** The addresses that a subnet may give away; its gateway, as a rule the first, is taken off where it stands at an end. */
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
  // Blocks come and go; what is not there is made anew.
  if (pools.size > 1000) pools.clear()
  pools.set(key, pool)
  return pool
}

/** How many addresses a subnet may give away. */
export const poolSize = (subnet: Subnet) => {
  const { first, last } = poolOf(subnet)
  return last < first ? 0n : last - first + 1n
}

/** An address of a subnet, where the ones after the last begin at the first again. */
export function addressAt (subnet: Subnet, n: bigint) {
  const { version, first } = poolOf(subnet)
  return formatIp({ version, value: first + n % poolSize(subnet) })
}

/** A free address of a subnet, sought from place `n` on, which as a rule finds one at once; undefined where there is none. */
export function freeAddress (subnet: Subnet, n: bigint, isTaken: (address: string) => boolean) {
  const size = poolSize(subnet)
  for (let i = 0n; i < size; i++) {
    const address = addressAt(subnet, n + i)
    if (address !== subnet.gateway_ip && !isTaken(address)) return address
  }
  return undefined
}

/** Made from the NIC's own digits, so that two never share one; 0a marks it as administered locally. */
export const macOf = (nicId: string) => `0a:16:${(nicId.slice('nic-'.length).match(/../g) ?? []).join(':')}`
