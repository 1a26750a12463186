import { isIP } from 'node:net'
import fp from 'fastify-plugin'
import type { FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'

/** Number of values of a header to remember. Clients send only a few; a hostile client must not fill the memory. */
const maxRemembered = 100

/** Splits a Host header into an IPv6 address in brackets, or a name or IPv4 address, and drops the port. */
const hostPattern = /^(?:\[([^\]]+)\]|([^:]+?)\.?)(?::\d{1,5})?$/

/** Returns a test of the values of Host: loopback names, all IP addresses and the given names pass. */
export function createHostCheck (names: readonly string[]) {
  const allowed = new Set(['localhost', ...names.map((name) => name.toLowerCase())])
  const passed = new Set<string>()

  const check = (host: string) => {
    const [, address, name = ''] = hostPattern.exec(host.toLowerCase()) ?? []
    if (address !== undefined) return isIP(address) === 6
    // RFC 6761, section 6.3: every name below localhost is loopback.
    return allowed.has(name) || isIP(name) === 4 || name.endsWith('.localhost')
  }

  return (host: string) => {
    if (passed.has(host)) return true
    if (!check(host)) return false
    if (passed.size < maxRemembered) passed.add(host)
    return true
  }
}

export const hostRefused = (host: string) =>
  new ProblemError(
    'host_not_allowed',
    `This server does not answer to the host ${JSON.stringify(host.slice(0, 255))}`
  )

const originRefused = (origin: string) =>
  new ProblemError(
    'origin_not_allowed',
    `A page of ${origin} must not send this request: it is not a page of this server, and not in \`cors.origins\``
  )

/** The origin by which the client knows this server; undefined if the headers of the proxy make no URL. */
function ownOrigin ({ protocol, host }: FastifyRequest) {
  const url = `${protocol}://${host}`
  return URL.canParse(url) ? new URL(url).origin : undefined
}

/**
 * Protects a server without authentication from web pages. A page of another origin can send simple requests to
 * loopback although it cannot read the answers, so every method but GET and HEAD is refused to it. A page whose name
 * was made to resolve to this server (DNS rebinding) has the origin of the server for the browser, so the name in Host
 * must be a known one. Clients other than browsers send none of the headers and are not affected.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { host: ownHost, allowed_hosts: allowedHosts, cors: { origins }, auth } = settings
  // A page whose name was made to resolve to this server has no credential.
  const needsKnownHost = auth === undefined || auth.anonymous.length > 0
  const isKnownHost = createHostCheck([ownHost, ...allowedHosts])
  const allowedOrigins = new Set(origins)

  const findRefusal = (
    request: FastifyRequest,
    origin: string | undefined,
    site: string | undefined
  ) => {
    if (origin !== undefined && allowedOrigins.has(origin)) return undefined
    const isForeign = origin !== undefined && origin !== ownOrigin(request)
    if (isForeign) return originRefused(`the origin ${origin.slice(0, 255)}`)
    // Browsers set it truthfully and let no page change it (Fetch Metadata, section 2.4).
    const isOwn = site === undefined || site === 'same-origin' || site === 'none'
    return isOwn
      ? undefined
      : originRefused(`another origin (Sec-Fetch-Site: ${site.slice(0, 32)})`)
  }

  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers, url } = request.raw
    const { host } = headers
    if (!needsKnownHost) return checkOrigin(request, done)
    if (host !== undefined && !isKnownHost(host) && !url!.startsWith('/health/')) {
      return done(hostRefused(host))
    }
    // Only a trusted proxy changes request.host (`trust_proxy`). Host is checked in any case: a page cannot set it.
    if (
      headers['x-forwarded-host'] !== undefined && !isKnownHost(request.host) &&
      !url!.startsWith('/health/')
    ) {
      return done(hostRefused(request.host))
    }
    checkOrigin(request, done)
  })

  function checkOrigin (request: FastifyRequest, done: HookHandlerDoneFunction) {
    const { method, headers, headers: { origin } } = request.raw
    const site = headers['sec-fetch-site'] as string | undefined
    if ((origin === undefined && site === undefined) || method === 'GET' || method === 'HEAD') {
      return done()
    }
    done(findRefusal(request, origin, site))
  }
}, { name: 'origins', dependencies: ['http'] })
