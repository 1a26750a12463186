import { BlockList, isIP } from 'node:net'
import { createAddressTest } from './addresses.ts'

/**
 * Networks that are no public receivers (IANA's registries of special-purpose addresses), and forms of IPv6 in which an
 * address of IPv4 hides: mapped, compatible, NAT64, 6to4 and Teredo.
 */
const refusedNetworks = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/9',
  'ff00::/8'
]

/** IPv4 and IPv6 apart, since a BlockList matches mapped addresses with networks of IPv4. */
function createRefusals () {
  const lists = { 4: new BlockList(), 6: new BlockList() }
  for (const network of refusedNetworks) {
    const [address = '', length] = network.split('/')
    const version = isIP(address) as 4 | 6
    lists[version].addSubnet(address, Number(length), `ipv${version}`)
  }
  return lists
}

const refused = createRefusals()

/**
 * Returns a test whether the server may connect to an address. `allowed` has addresses and networks that are allowed in
 * any case.
 */
export function createAddressCheck (allowed: readonly string[]): (address: string) => boolean {
  const isAllowed = createAddressTest(allowed)
  return (text) => {
    const address = text.replace(/%.*$/, '')
    const version = isIP(address)
    if (version === 0) return false
    const isRefused = refused[version as 4 | 6].check(address, `ipv${version as 4 | 6}`)
    return !isRefused || isAllowed(address)
  }
}
