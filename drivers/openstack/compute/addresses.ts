import type { Address } from '../../../openapi/model/index.ts'
import type { Port } from '../network/ports.ts'

/** One address of Nova's `addresses`, which lists them by the name of their network. */
export interface NovaAddress {
  addr: string
  version: number
  'OS-EXT-IPS:type'?: string
  'OS-EXT-IPS-MAC:mac_addr'?: string
}

/** RFC 1918, RFC 6598, link-local, loopback; unique local, link-local and loopback of IPv6. */
export function isPrivate (address: string, version: number) {
  if (version === 6) return /^(f[cd]|fe[89ab])|^::1$/i.test(address)
  const [first = 0, second = 0] = address.split('.', 2).map(Number)
  switch (first) {
    case 10: case 127: return true
    case 172: return second >= 16 && second < 32
    case 192: return second === 168
    case 169: return second === 254
    case 100: return second >= 64 && second < 128
    default: return false
  }
}

/**
 * The addresses of a server, each with the port it belongs to: by its MAC, which a floating address shares with the
 * fixed one behind it. Two ports of one MAC (on two networks) are told apart by their fixed address.
 */
export function toAddresses (addresses: Record<string, NovaAddress[]>, ports: readonly Port[]): Address[] {
  const out: Address[] = []
  for (const network of Object.values(addresses)) {
    for (const { addr, version, 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': mac } of network) {
      const floating = type === 'floating'
      const port = portOf(addr, mac, ports)
      out.push({
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
  return out
}

function portOf (address: string, mac: string | undefined, ports: readonly Port[]) {
  const wearing = ports.filter((port) => port.mac_address === mac)
  if (wearing.length < 2) return wearing[0]
  return wearing.find((port) => port.fixed_ips?.some((ip) => ip.ip_address === address)) ?? wearing[0]
}
