import { isIP } from 'node:net'

type Version = 4 | 6

export interface Ip {
  version: Version
  value: bigint
}

/** A range of addresses with a common prefix. `first` and `last` are part of it. */
export interface Block {
  version: Version
  prefix: number
  first: bigint
  last: bigint
}

const bitsOf = (version: Version) => version === 4 ? 32 : 128

/** URL writes an IPv6 address in its canonical short form (RFC 5952), without a zone. */
const shortForm = (address: string) => new URL(`http://[${address}]`).hostname.slice(1, -1)

function parseIpv6 (text: string) {
  const parts = shortForm(text).split('::')
  const [head = [], tail = []] = parts.map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  const groups = [...head, ...zeros, ...tail]
  return groups.reduce((value, group) => value << 16n | BigInt(`0x${group}`), 0n)
}

/** Returns undefined if the text is not an address, or has a zone (`fe80::1%eth0`). */
export function parseIp (text: string): Ip | undefined {
  const version = isIP(text)
  if (version === 0 || text.includes('%')) return undefined
  if (version === 6) return { version: 6, value: parseIpv6(text) }
  const bytes = text.split('.')
  return { version: 4, value: bytes.reduce((value, byte) => value << 8n | BigInt(byte), 0n) }
}

export function formatIp ({ version, value }: Ip) {
  if (version === 4) {
    const number = Number(value)
    return `${number >>> 24}.${number >>> 16 & 255}.${number >>> 8 & 255}.${number & 255}`
  }
  const shifts = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n]
  return shortForm(shifts.map((shift) => (value >> shift & 0xffffn).toString(16)).join(':'))
}

/** Parses `10.0.0.0/24`. Bits behind the prefix may be set. Returns undefined for any other text. */
export function parseBlock (cidr: string): Block | undefined {
  const [, address = '', length] = /^(.+)\/(\d{1,3})$/.exec(cidr) ?? []
  const ip = parseIp(address)
  const prefix = Number(length)
  if (ip === undefined || prefix > bitsOf(ip.version)) return undefined
  const size = 1n << BigInt(bitsOf(ip.version) - prefix)
  const first = ip.value / size * size
  return { version: ip.version, prefix, first, last: first + size - 1n }
}

export const formatBlock = ({ version, prefix, first }: Block) =>
  `${formatIp({ version, value: first })}/${prefix}`

export const isInside = ({ version, value }: Ip, { version: other, first, last }: Block) =>
  version === other && value >= first && value <= last

export const isOverlapping = (one: Block, other: Block) =>
  one.version === other.version && one.first <= other.last && other.first <= one.last

/** Removes the first and last address, which hosts cannot have, from a block of more than two. */
export function hostsOf (block: Block): Block {
  if (block.last - block.first < 2n) return block
  return { ...block, first: block.first + 1n, last: block.last - 1n }
}
