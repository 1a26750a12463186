import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { accessFormats, type AccessFormat } from './format.ts'

/** Writes a line about an answered request. */
export type LogAccess = (request: FastifyRequest, reply: FastifyReply) => void

declare module 'fastify' {
  interface FastifyInstance {
    /** Writes a line of the access log, if there is one, when the answer has ended. For requests without hooks. */
    logAccess?: LogAccess
  }
}

export interface AccessLog {
  format: AccessFormat
  /** Receives whole lines. */
  output: { write(line: string): unknown }
}

/** nginx's status for a client that closed the connection before the answer. */
const clientClosed = 499

const withoutQuery = (url: string) => url.split('?', 1)[0]!

/** A URL may contain credentials before the host, and secrets in the query or the fragment. */
const cleanReferer = (referer: string | undefined) =>
  referer === undefined ? null : referer.replace(/[?#].*$/s, '').replace(/^(\w+:\/\/)[^/]*@/, '$1')

/** An IPv4 client of a socket that listens on IPv6 as well is an IPv4 address in the log. */
const cleanAddress = (address: string | undefined) =>
  address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? '-'

/** The name of the caller; null if the request has none: without `auth`, without a credential, or refused. */
function nameOf ({ caller }: FastifyRequest) {
  // A request that was refused before the credentials were read has no caller.
  const { kind, name } = (caller as FastifyRequest['caller'] | undefined | null) ??
    { kind: 'anonymous', name: '' }
  return kind === 'local' || kind === 'anonymous' ? null : name
}

/**
 * Writes a line for each request whose connection or answer has ended, health checks included. Bytes that are not HTTP
 * are no request and have no line.
 */
export default fp(async (fastify, { accessLog: { format, output } }: { accessLog: AccessLog }) => {
  const toLine = accessFormats[format]

  const logAccess = (request: FastifyRequest, reply: FastifyReply) => {
    const at = new Date()
    const started = performance.now()
    // A closed socket no longer knows it.
    const client = cleanAddress(request.ip)
    const { raw } = reply
    raw.once('close', () => {
      const length = raw.headersSent ? reply.getHeader('content-length') : undefined
      const { referer, 'user-agent': userAgent } = request.headers
      output.write(`${
        toLine({
          at,
          client,
          user: nameOf(request),
          method: request.method,
          path: withoutQuery(request.raw.url!),
          version: request.raw.httpVersion,
          status: raw.headersSent ? raw.statusCode : clientClosed,
          bytes: length === undefined ? null : Number(length),
          ms: Math.round((performance.now() - started) * 100) / 100,
          referer: cleanReferer(referer),
          userAgent: userAgent ?? null,
          requestId: request.id
        })
      }\n`)
    })
  }

  fastify.decorate('logAccess', logAccess)
  fastify.addHook('onRequest', (request, reply, done) => {
    logAccess(request, reply)
    done()
  })
}, { name: 'access-log', dependencies: ['http'] })
