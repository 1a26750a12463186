import { ProblemError } from '../../openapi/model/index.ts'
import type { Nic } from './stored.ts'

interface Network {
  scope: 'public' | 'private'
  /** The first two numbers of its addresses; with more than one, they are used up one after the other. */
  prefixes: readonly string[]
}

export const networks = new Map<string, Network>([
  ['net-private', { scope: 'private', prefixes: ['10.0'] }],
  // RFC 2544 keeps these for tests: nobody on the internet has them.
  ['net-public', { scope: 'public', prefixes: ['198.18', '198.19'] }]
])

export const networkIds: readonly string[] = [...networks.keys()]

export const scopeOf = (networkId: string) => networks.get(networkId)?.scope ?? 'private'

const perPrefix = 256 * 254

function addressAt (prefixes: readonly string[], n: number) {
  const host = n % perPrefix
  return `${prefixes[Math.floor(n / perPrefix)]}.${Math.floor(host / 254)}.${1 + host % 254}`
}

/** Made from the address, so that two NICs never share one; 0a marks it as administered locally. */
export const macOf = (address: string) =>
  `0a:16:${address.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join(':')}`

/**
 * One NIC on each of these networks, with addresses that nobody has in `taken` (which is not changed). The search begins
 * at `seq`, which as a rule finds a free one at once. Throws provider_capacity where a network is full.
 */
export function createNics (networkIds: readonly string[], seq: number, taken: ReadonlySet<string>, newId: () => string): Nic[] {
  const nics: Nic[] = []
  const isFree = (address: string) => !taken.has(address) && !nics.some((nic) => nic.address === address)
  for (const id of networkIds) {
    const { prefixes } = networks.get(id)!
    const size = prefixes.length * perPrefix
    let n = 0
    while (n < size && !isFree(addressAt(prefixes, (seq + n) % size))) n++
    if (n === size) throw new ProblemError('provider_capacity', `Network ${id} has no free address`)
    nics.push({ id: `nic-${newId()}`, network_id: id, address: addressAt(prefixes, (seq + n) % size) })
  }
  return nics
}
