import type { AttemptError } from '../../openapi/model/index.ts'

export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED'
}

/** Why an attempt failed, also in a sentence. */
export interface Failure {
  error: AttemptError
  detail: string
}

/** Codes of OpenSSL for a certificate that cannot be verified, and of Node.js for one of another name. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA/

const tls = /SSL|TLS/

/** Codes consist of these characters. Messages are not used: they may contain what a receiver has sent. */
const isCode = (text: string | undefined): text is string => /^[A-Z0-9_]+$/.test(text ?? '')

/** Tells why a request failed. `seconds` is its time limit. */
export function toFailure (thrown: unknown, seconds: number): Failure {
  const { code, name, cause } = thrown as Error & { code?: string, cause?: { code?: string } }
  const codes = [cause?.code, code].filter(isCode)
  const find = (pattern: RegExp) => codes.find((one) => pattern.test(one))
  const as = (error: AttemptError, detail: string, reason?: string): Failure =>
    ({ error, detail: reason === undefined ? `${detail}.` : `${detail} (${reason}).` })

  if (find(/^ADDRESS_REFUSED$/)) {
    return as('address_refused', 'The settings of the server do not allow the URL or its address')
  }
  const unknown = find(/^(ENOTFOUND|EAI_)/)
  if (unknown !== undefined) return as('name_not_found', 'The name of the receiver was not found', unknown)
  if (name === 'TimeoutError' || find(/TIMEOUT|ETIMEDOUT/)) {
    return as('timeout', `The receiver did not answer within ${seconds} s`)
  }
  const refused = find(untrusted)
  if (refused !== undefined) {
    return as('tls_failed', 'The server does not trust the certificate of the receiver', refused)
  }
  const broken = find(tls)
  if (broken !== undefined) return as('tls_failed', 'TLS with the receiver failed', broken)
  return as('connection_failed', 'The connection to the receiver failed', codes[0])
}
