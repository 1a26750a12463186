import { readFileSync } from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'
import type { Report } from './report.ts'
import type { ServerSettings } from './schema.ts'

const loopback = /^(127(\.\d+){3}|::1|localhost)$/

/** Whether only programs on the same machine reach an address. */
export const isLoopback = (host: string) => loopback.test(host)

/** Adds an error for each address that others can reach without protection. */
export function checkExposure (server: ServerSettings, report: Report) {
  const { host, insecure, auth, tls, trust_proxy: proxies, metrics } = server
  const isProtected = tls !== undefined || proxies.length > 0
  if (auth !== undefined && insecure) {
    report.add(
      'insecure',
      'found true beside `auth`; the server checks every caller, so remove `insecure`'
    )
  }
  if (!isLoopback(host)) {
    if (auth === undefined && !insecure) {
      report.add(
        'host',
        `found "${host}"; this server does not authenticate callers, so anyone who can reach ` +
          'that address could destroy your nodes; use a loopback address (127.0.0.1), set `auth` so that callers ' +
          'need a credential, or set `insecure: true` if the network itself is protected'
      )
    }
    if (auth !== undefined && !isProtected) {
      report.add(
        'host',
        `found "${host}"; without TLS anyone on the way could read the credentials of the callers; ` +
          'set `tls` with `cert` and `key`, or set `trust_proxy` to the addresses of the proxy that has the certificate'
      )
    }
  }
  if (metrics !== undefined && !isLoopback(metrics.host) && (auth === undefined || !isProtected)) {
    report.add(
      'metrics.host',
      `found "${metrics.host}"; metrics on this address need callers and a protected ` +
        'connection; use a loopback address (127.0.0.1), or set `auth`, and `tls` or `trust_proxy`'
    )
  }
}

/** Resolves the paths of `tls` and adds an error for files that cannot be used. */
export function readTls (
  { cert, key }: { cert: string, key: string },
  directory: string,
  report: Report
) {
  const resolved = { cert: path.resolve(directory, cert), key: path.resolve(directory, key) }
  const read = (name: 'cert' | 'key') => {
    // A value that came from `file:` is a secret: the message must not contain it.
    if ([cert, key][name === 'cert' ? 0 : 1]!.includes('-----BEGIN')) {
      report.add(
        `tls.${name}`,
        'is the text of a PEM file; expected the path of the file, without `file:`, because ' +
          'the server reads it again when it changes'
      )
      return undefined
    }
    try {
      return readFileSync(resolved[name])
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      report.add(`tls.${name}`, `needs the file ${resolved[name]}, which cannot be read (${code})`)
      return undefined
    }
  }
  const pair = { cert: read('cert'), key: read('key') }
  if (pair.cert === undefined || pair.key === undefined) return resolved
  try {
    tls.createSecureContext(pair)
  } catch (error) {
    report.add(
      'tls',
      `the files ${resolved.cert} and ${resolved.key} are no certificate with its key in PEM ` +
        `(${(error as Error).message})`
    )
  }
  return resolved
}
