import type { Address } from '../../../openapi/model/index.ts'
import type { Port } from '../network/neutron.ts'

/** One address in Nova's `addresses`, which groups them by the name of their network. */
export interface NovaAddress {
  addr: string
  version: number
  'OS-EXT-IPS:type'?: string
  'OS-EXT-IPS-MAC:mac_addr'?: string
}

/**
 * Matches RFC 1918, RFC 6598, link-local and loopback; in IPv6 unique local, link-local and
 * loopback.
 */
export function isPrivate (address: string, version: number) {
  if (version === 6) return /^(f[cd]|fe[89ab])|^::1$/i.test(address)
  const [first = 0, second = 0] = address.split('.', 2).map(Number)
  switch (first) {
    case 10:
    case 127:
      return true
    case 172:
      return second >= 16 && second < 32
    case 192:
      return second === 168
    case 169:
      return second === 254
    case 100:
      return second >= 64 && second < 128
    default:
      return false
  }
}

/** The NIC that a fixed address belongs to. */
interface AddressOwner {
  id: string
  network: string | undefined
  mac: string | undefined
}

/** Converts a fixed address of a NIC. */
export function toFixedAddress (address: string, { id, network, mac }: AddressOwner): Address {
  const version = address.includes(':') ? 6 : 4
  const scope = isPrivate(address, version) ? 'private' : 'public'
  return {
    address,
    version,
    scope,
    kind: 'fixed',
    network_id: network ?? null,
    nic_id: id,
    mac: mac ?? null
  }
}

/**
 * Converts the addresses of a server and finds the port of each by its MAC. A floating address has
 * the MAC of the fixed address behind it.
 */
export function toAddresses (
  addresses: Record<string, NovaAddress[]>,
  ports: readonly Port[]
): Address[] {
  const converted: Address[] = []
  for (const network of Object.values(addresses)) {
    for (
      const { addr, version, 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': mac } of network
    ) {
      const floating = type === 'floating'
      const port = findPort(addr, mac, ports)
      converted.push({
        address: addr,
        version: version === 6 ? 6 : 4,
        scope: floating || !isPrivate(addr, version) ? 'public' : 'private',
        kind: floating ? 'floating' : 'fixed',
        network_id: port?.network_id ?? null,
        nic_id: port?.id ?? null,
        mac: mac ?? null
      })
    }
  }
  return converted
}

/** Two ports can have one MAC, on two networks. Their fixed addresses distinguish them. */
function findPort (address: string, mac: string | undefined, ports: readonly Port[]) {
  const candidates = ports.filter((port) => port.mac_address === mac)
  if (candidates.length < 2) return candidates[0]
  return candidates.find((port) => port.fixed_ips?.some((ip) => ip.ip_address === address)) ??
    candidates[0]
}
