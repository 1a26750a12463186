import { createHash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { addressOf } from './address.ts'
import { createWindow } from './window.ts'

declare module 'fastify' {
  interface FastifyInstance {
    failures: Failures
  }
  interface FastifyRequest {
    /** The credential of an address with failures, while it is checked. */
    credentialToAccept: string | undefined
  }
}

/** The failures of each address, for routes that check a credential themselves, such as a name and a password. */
export interface Failures {
  /** Throws rate_limited if the address of a request has failed too often, and has had its check of this second. */
  admit(request: FastifyRequest): void
  /** Counts a failure of the address of a request. */
  note(request: FastifyRequest): void
}

/** Credentials of addresses with failures that are remembered at most. */
const maxAccepted = 10_000

const hashOf = (authorization: string) =>
  createHash('sha256').update(authorization).digest('base64url')

/**
 * Slows down an address that sends credentials which are not valid: after `failures_per_minute` of them, one more is
 * checked each second, and the others are refused unchecked. A credential that was accepted from that address passes,
 * so that a caller behind the same proxy or NAT is slowed down once at most. Registered before `auth`.
 */
export default fp(async (fastify, { settings: { auth, limits } }: { settings: Settings }) => {
  if (auth === undefined) {
    fastify.decorate('failures', { admit () {}, note () {} })
    return
  }
  const { partOf } = fastify.membership
  const failures = createWindow({ quota: limits.failures_per_minute, partOf, seconds: 60 })
  const checks = createWindow({ quota: 1, seconds: 1 })
  const accepted = new Set<string>()
  const refused = fastify.metrics.counter({
    name: 'credentials_unchecked_total',
    help: 'Requests whose credential was not checked, after failures of their address.',
    labels: []
  })

  /** The credential of a request, with its address. Undefined without a credential: that is no guess. */
  const credentialOf = ({ raw: { headers: { authorization } } }: FastifyRequest, address: string) =>
    authorization === undefined ? undefined : `${address} ${hashOf(authorization)}`

  const admit = ({ ip }: FastifyRequest, address: string) => {
    const { isAllowed, reset } = checks.take(address)
    if (isAllowed) return undefined
    refused({})
    return new ProblemError(
      'rate_limited',
      `The address ${ip} has sent too many credentials that are not valid`,
      {
        retry_after: reset,
        hint: 'Wait for the time in `retry_after`, and check the credential.'
      }
    )
  }

  fastify.decorate(
    'failures',
    {
      admit (request) {
        const address = addressOf(request)
        const problem = failures.isExceeded(address) ? admit(request, address) : undefined
        if (problem !== undefined) throw problem
      },
      note (request) {
        failures.take(addressOf(request))
      }
    } satisfies Failures
  )
  fastify.decorateRequest('credentialToAccept')
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { level, credential: source } = request.routeOptions.config
    // Another source reads no header Authorization.
    if (failures.size === 0 || level === 'open' || source !== undefined) return done()
    const address = addressOf(request)
    if (!failures.isExceeded(address)) return done()
    const credential = credentialOf(request, address)
    if (credential === undefined || accepted.has(credential)) return done()
    const problem = admit(request, address)
    if (problem === undefined) request.credentialToAccept = credential
    done(problem)
  })

  // Only a request whose credential was accepted comes here.
  fastify.addHook('preValidation', ({ credentialToAccept }, _reply, done) => {
    if (credentialToAccept !== undefined) {
      if (accepted.size >= maxAccepted) accepted.clear()
      accepted.add(credentialToAccept)
    }
    done()
  })

  fastify.addHook('onError', (request, _reply, error, done) => {
    if ((error as Partial<ProblemError>).code !== 'unauthenticated') return done()
    const address = addressOf(request)
    const credential = credentialOf(request, address)
    if (credential !== undefined) {
      failures.take(address)
      // It may have been revoked since.
      accepted.delete(credential)
    }
    done()
  })
}, { name: 'failures', dependencies: ['membership', 'metrics'] })
