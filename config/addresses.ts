import { BlockList, isIP } from 'node:net'

/** Whether a text is an address with a prefix length: `10.0.0.0/24`. */
export const isCidr = (value: string) => {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(value) ?? []
  const version = isIP(address)
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128)
}

/** The named networks of the package proxy-addr, with which Fastify reads `trust_proxy`. */
const namedNetworks = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']]
])

const familyOf = (address: string) => isIP(address) === 6 ? 'ipv6' : 'ipv4'

/** Returns a test of addresses: whether one is in a list of addresses, networks and names of networks. */
export function createAddressTest (list: readonly string[]): (address: string) => boolean {
  const addresses = new BlockList()
  for (const one of list.flatMap((text) => namedNetworks.get(text) ?? [text])) {
    const [address = '', length] = one.split('/')
    if (length === undefined) addresses.addAddress(address, familyOf(address))
    else addresses.addSubnet(address, Number(length), familyOf(address))
  }
  return (address) => addresses.check(address, familyOf(address))
}

/** Whether a text is an address or a network. */
export const isNetwork = (value: string) => isIP(value) !== 0 || isCidr(value)

/** Whether a text names a trusted proxy: an address, a network, or a name of networks. */
export const isProxy = (value: string) =>
  isNetwork(value) || namedNetworks.has(value)

/** Whether a text is an origin as browsers send it: a scheme, a host in lower case, no default port, no path. */
export const isOrigin = (value: string) =>
  /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(value) && URL.canParse(value) &&
  (!/^https?:/.test(value) || new URL(value).origin === value)

/** Whether a text is a name in the header Host, without a port. */
export const isHostName = (value: string) =>
  /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/i.test(value)
