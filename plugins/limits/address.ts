import type { FastifyRequest } from 'fastify'

/** The first four groups of an IPv6 address. One client usually has all addresses that begin with them. */
function networkOf (address: string) {
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail === undefined) return groups.slice(0, 4)
  const last = tail === '' ? [] : tail.split(':')
  return [
    ...groups,
    ...Array<string>(Math.max(0, 8 - groups.length - last.length)).fill('0'),
    ...last
  ].slice(0, 4)
}

/** The address of a client, as `trust_proxy` says; of an IPv6 address its network of 64 bits. */
export function addressOf ({ ip }: Pick<FastifyRequest, 'ip'>) {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? []
  if (mapped !== undefined) return mapped
  return ip.includes(':') ? `${networkOf(ip).join(':')}::/64` : ip
}
