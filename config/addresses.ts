import { isIP } from 'node:net'

/** Whether a text is an address with a prefix length: `10.0.0.0/24`. */
export const isCidr = (value: string) => {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(value) ?? []
  const version = isIP(address)
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128)
}

/** Names of networks that the package proxy-addr knows. */
const namedNetworks = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** Whether a text names a trusted proxy: an address, a network, or a name of networks. */
export const isProxy = (value: string) => isIP(value) !== 0 || isCidr(value) || namedNetworks.has(value)

/** Whether a text is an origin as browsers send it: a scheme, a host in lower case, no default port, no path. */
export const isOrigin = (value: string) =>
  /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(value) && URL.canParse(value) &&
  (!/^https?:/.test(value) || new URL(value).origin === value)

/** Whether a text is a name in the header Host, without a port. */
export const isHostName = (value: string) => /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/i.test(value)
