import { createHash } from 'node:crypto'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { addressOf } from './address.ts'
import { createWindow } from './window.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The credential of an address with failures, while it is checked. */
    credentialToAccept: string | undefined
  }
}

/** Credentials of addresses with failures that are remembered at most. */
const maxAccepted = 10_000

const hashOf = (authorization: string) => createHash('sha256').update(authorization).digest('base64url')

/**
 * Slows down an address that sends credentials which are not valid: after `failures_per_minute` of them, one more is
 * checked each second, and the others are refused unchecked. A credential that was accepted from that address passes,
 * so that a caller behind the same proxy or NAT is slowed down once at most. Registered before `auth`.
 */
export default fp(async (fastify, { settings: { auth, limits } }: { settings: Settings }) => {
  if (auth === undefined) return
  const failures = createWindow({ quota: limits.failures_per_minute, seconds: 60 })
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

  fastify.decorateRequest('credentialToAccept')
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (failures.size === 0 || request.routeOptions.config.level === 'open') return done()
    const address = addressOf(request)
    if (!failures.isExceeded(address)) return done()
    const credential = credentialOf(request, address)
    if (credential === undefined || accepted.has(credential)) return done()
    const { isAllowed, reset } = checks.take(address)
    if (isAllowed) {
      request.credentialToAccept = credential
      return done()
    }
    refused({})
    const detail = `The address ${request.ip} has sent too many credentials that are not valid`
    done(new ProblemError('rate_limited', detail, {
      retry_after: reset, hint: 'Wait for the time in `retry_after`, and check the credential.'
    }))
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
}, { name: 'failures', dependencies: ['metrics'] })
