import { isIP } from 'node:net'

/** An address as a number. */
export interface Ip {
  version: 4 | 6
  value: bigint
}

/** A block of addresses, from its first to its last. */
export interface Block {
  version: 4 | 6
  prefix: number
  first: bigint
  last: bigint
}

const parse4 = (text: string) => text.split('.').reduce((value, part) => value << 8n | BigInt(part), 0n)

/** Eight groups of hexadecimal digits; a URL writes an address in its one short form, with `::` for the longest zeros. */
function parse6 (text: string) {
  const short = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [head = '', tail] = short.split('::').map((part) => part.split(':').filter(Boolean)).map((part) => part.join(':'))
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((value, group) => value << 16n | BigInt(`0x${group}`), 0n)
}

/** An address; undefined where this is none. */
export function parseIp (text: string): Ip | undefined {
  const version = isIP(text)
  // One of an interface (`fe80::1%eth0`) is none of a network.
  if (version === 0 || text.includes('%')) return undefined
  return version === 4 ? { version, value: parse4(text) } : { version: 6, value: parse6(text) }
}

/** An address in its one short form. */
export function formatIp ({ version, value }: Ip) {
  if (version === 4) {
    const number = Number(value)
    return `${number >>> 24}.${number >>> 16 & 255}.${number >>> 8 & 255}.${number & 255}`
  }
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt(16 * (7 - i)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const sizeOf = (version: 4 | 6, prefix: number) => 1n << BigInt((version === 4 ? 32 : 128) - prefix)

/** A block of addresses as `10.0.0.0/24`; undefined where this is none. `first` is the first of the block, whatever address names it. */
export function parseBlock (cidr: string): Block | undefined {
  const [, address, length] = /^(.+)\/(\d{1,3})$/.exec(cidr) ?? []
  const ip = parseIp(address ?? '')
  const prefix = Number(length)
  if (ip === undefined || prefix > (ip.version === 4 ? 32 : 128)) return undefined
  const size = sizeOf(ip.version, prefix)
  const first = ip.value / size * size
  return { version: ip.version, prefix, first, last: first + size - 1n }
}

/** The block in its one form, which has no bits set behind the prefix. */
export const formatBlock = ({ version, prefix, first }: Block) => `${formatIp({ version, value: first })}/${prefix}`

export const isInside = ({ version, value }: Ip, block: Block) =>
  version === block.version && value >= block.first && value <= block.last

export const overlap = (one: Block, other: Block) => one.version === other.version && one.first <= other.last && other.first <= one.last

/** The addresses that hosts may have: all but the first and the last, where the block has more than two. */
export function hostsOf (block: Block): Block {
  if (block.last - block.first < 2n) return block
  return { ...block, first: block.first + 1n, last: block.last - 1n }
}
