import { isIP } from 'node:net'

/** The host of a URL without the brackets of IPv6. */
export const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')

export interface UrlRules {
  allowHttp: boolean
  /** Whether the server may connect to an address. */
  mayConnect(address: string): boolean
}

/** Returns what is wrong with the URL of a receiver, in the form "must …"; undefined if it may be used. */
export function findUrlError (text: string, rules: UrlRules): string | undefined {
  const { allowHttp, mayConnect } = rules
  if (!URL.canParse(text)) return 'must be a URL'
  const url = new URL(text)
  const { protocol, username, password, hash } = url
  if (protocol !== 'https:' && !(allowHttp && protocol === 'http:')) {
    return allowHttp
      ? 'must begin with https:// or http://'
      : 'must begin with https://: the settings (webhooks.allow_http) do not allow http'
  }
  if (username !== '' || password !== '') return 'must not contain a user or a password'
  if (hash !== '') return 'must not contain a fragment'
  const host = hostOf(url)
  if (isIP(host) !== 0 && !mayConnect(host)) {
    return 'must have a public address: the settings (webhooks.allow_addresses) do not allow this one'
  }
  return undefined
}
