import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { Server } from 'node:http'
import tls from 'node:tls'
import fp from 'fastify-plugin'
import type { FastifyBaseLogger, FastifyHttpOptions } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { connectionOptions, type ConnectionLimits } from './connections.ts'

/** Paths of a certificate with its chain, and of its key, both in PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/** Milliseconds between two looks at the files. A look is one stat, which also sees a file that a link replaces. */
const interval = 1000

/** Reads the certificate and its key. Throws an Error if they cannot be read, or do not belong together. */
function readCertificate ({ cert, key }: TlsFiles) {
  const pair = { cert: readFileSync(cert), key: readFileSync(key) }
  tls.createSecureContext(pair)
  return pair
}

/**
 * Gives a server the certificate again when one of its files changes. Connections that are open keep the earlier one.
 * Files that cannot be used are logged, and the server keeps what it has. Returns a function that ends this.
 */
export function followCertificate (files: TlsFiles, server: Server, log: FastifyBaseLogger) {
  if (!(server instanceof tls.Server)) throw new Error('a server without TLS has no certificate')
  const reload = () => {
    try {
      server.setSecureContext(readCertificate(files))
      log.info({ cert: files.cert }, 'the server uses the new certificate')
    } catch (err) {
      // A program that renews both files writes one after the other, so the next change may correct this.
      const { message: reason } = err as Error
      log.warn({ reason, ...files }, 'the new certificate cannot be used: the earlier one stays')
    }
  }
  const paths = new Set([files.cert, files.key])
  for (const path of paths) watchFile(path, { interval, persistent: false }, reload)
  return () => {
    for (const path of paths) unwatchFile(path, reload)
  }
}

/** Returns the options of a server of HTTP or HTTPS, with its limits of connections. */
export function listenerOptions (
  { tls: files, limits: { header_bytes: maxHeaderSize } }: Settings,
  limits: Partial<ConnectionLimits> = {}
): FastifyHttpOptions<Server> {
  const { http, ...others } = connectionOptions(limits)
  const options = { ...http, maxHeaderSize }
  if (files === undefined) return { ...others, http: options }
  // Fastify has a type of its own for a server of HTTPS, which has the methods of one of HTTP.
  return { ...others, https: { ...options, ...readCertificate(files) } } as FastifyHttpOptions<
    Server
  >
}

/** Follows the certificate of the server. */
export default fp(async (fastify, { settings: { tls: files } }: { settings: Settings }) => {
  if (files === undefined) return
  const stop = followCertificate(files, fastify.server, fastify.log)
  fastify.addHook('onClose', async () => stop())
}, { name: 'tls' })
