import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { ProblemError } from '../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server is closing. */
    readonly closing: boolean
    /** Answers the requests that are held while the server closes. */
    releaseRequests(): void
  }
}

/** Milliseconds during which requests on open connections, and on new ones, are taken and held. */
const lingerMs = 250

/** Milliseconds to wait for a moment in which nothing arrives, before the server stops to listen. */
const quietMs = 100

/** Milliseconds from the signal until the server closes every connection. */
const graceMs = 1500

/**
 * Milliseconds during which a server of several answers as usual on the connections that are open, each for the last
 * time. It listens no longer, so that a proxy opens connections to the others.
 */
const handOverMs = 1000

/**
 * Sets `closing`, ends all calls to clouds, and answers requests that arrive from then on with 503, as soon as the
 * server no longer listens: a client in a loop would connect again at once.
 */
export default fp(async (fastify) => {
  let closing = false
  let handingOver = false
  const ended = () =>
    new ProblemError('shutting_down', 'The server is shutting down', { retry_after: 1 })
  fastify.decorate('closing', { getter: () => closing })
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  fastify.decorate('releaseRequests', () => release())

  // Not async: a promise for each request costs a few percent of a small list.
  fastify.addHook('onRequest', ({ raw }, _reply, done) => {
    if (!closing) return done()
    Promise.all([released, readToEnd(raw)]).then(() => done(ended()), done)
  })

  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    // The client must not send its next request on this connection.
    if (closing || handingOver) reply.header('connection', 'close')
    done()
  })

  fastify.addHook('preClose', async () => {
    const { server } = fastify
    // Others may have started since the last heartbeat.
    if (server.listening && await fastify.membership.countServers() > 1) {
      handingOver = true
      stopListening(server)
      await Promise.race([once(server, 'close'), sleep(handOverMs)])
      server.closeIdleConnections()
    }
    closing = true
    fastify.farm.abort(ended())
    if (!fastify.server.listening) release()
  })
}, { name: 'shutdown', dependencies: ['clouds', 'membership'] })

/**
 * Closes the connections after the answers. This is the last of the preClose hooks, so that all waits have ended.
 * http.Server.close() would destroy idle connections at once, and so reset the requests that are on their way: a client
 * in a loop has one on nearly every connection.
 */
export const drain = fp(async (fastify) => {
  const { server } = fastify
  let arrivals = 0
  const countArrival = () => {
    arrivals++
  }

  /** Resolves after a turn of the event loop in which nothing arrived. */
  const waitForQuiet = async () => {
    const latest = performance.now() + quietMs
    for (let before = -1; before !== arrivals && performance.now() < latest;) {
      before = arrivals
      await nextTurn()
    }
  }

  fastify.addHook('preClose', async () => {
    const started = performance.now()
    const closed = once(server, 'close')
    const hasConnections = await countConnections(server) > 0
    if (!server.listening && !hasConnections) return
    if (server.listening) {
      server.on('connection', countArrival).on('request', countArrival)
      if (hasConnections) await sleep(lingerMs)
      // Closing the listening socket resets the connections that the system has completed and Node has not accepted.
      await waitForQuiet()
      stopListening(server)
    }
    // Idle connections have had time for a request. The turn just ended has read all that arrived.
    server.closeIdleConnections()
    fastify.releaseRequests()
    const left = graceMs - (performance.now() - started)
    const timer = setTimeout(() => server.closeAllConnections(), Math.max(left, 0))
    await closed
    clearTimeout(timer)
  })
}, { name: 'drain', dependencies: ['shutdown'] })

/** Stops to listen and leaves idle connections as they are. */
const stopListening = (server: net.Server) => net.Server.prototype.close.call(server)

const countConnections = (server: net.Server) =>
  new Promise<number>((resolve) => {
    server.getConnections((_error, count) => resolve(count))
  })

/** Reads a body to its end, for a short time. Closing a connection with unread bytes resets it before the answer. */
async function readToEnd (request: IncomingMessage) {
  if (request.complete) return
  request.resume()
  const signal = AbortSignal.timeout(lingerMs)
  await Promise.race([once(request, 'end', { signal }), once(request, 'close', { signal })]).catch(
    () => {}
  )
}
