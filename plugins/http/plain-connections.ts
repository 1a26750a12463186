import fp from 'fastify-plugin'
import type { FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { createAddressTest } from '../../config/addresses.ts'
import { isLoopback } from '../../config/exposure.ts'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'

/** Client addresses to remember. There are a few proxies, and any number of others. */
const maxRemembered = 1000

/**
 * Returns a hook for a listener on `host` that refuses requests over unprotected connections: with `auth` and without
 * `tls`, only the proxies of `trust_proxy` and programs on the same machine may send requests, because anyone on the
 * way could read the credentials of others. Undefined if the listener needs no such check.
 */
export function createConnectionCheck (
  host: string,
  { auth, tls, trust_proxy: proxies }: Settings
) {
  if (auth === undefined || tls !== undefined || isLoopback(host)) return undefined
  const isTrusted = createAddressTest(['loopback', ...proxies])
  const known = new Map<string, boolean>()
  const isAllowed = (address: string) => {
    const found = known.get(address)
    if (found !== undefined) return found
    const allowed = isTrusted(address)
    if (known.size >= maxRemembered) known.clear()
    known.set(address, allowed)
    return allowed
  }
  return ({ raw: { socket } }: FastifyRequest, _reply: unknown, done: HookHandlerDoneFunction) => {
    const { remoteAddress: address = '' } = socket
    if (isAllowed(address)) return done()
    done(
      new ProblemError(
        'connection_not_protected',
        `The address ${address} is not one of \`trust_proxy\`, and ` +
          'this server accepts plain HTTP from its proxies only'
      )
    )
  }
}

/** Refuses requests that do not come from a proxy, if the proxy has the certificate. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const check = createConnectionCheck(settings.host, settings)
  if (check !== undefined) fastify.addHook('onRequest', check)
}, { name: 'plain-connections', dependencies: ['http'] })
