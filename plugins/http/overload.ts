import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { ProblemError } from '../../openapi/model/index.ts'

/** Milliseconds between two looks at the event loop and the memory. */
const sampleInterval = 500

/** With so few requests under way, other programs keep the processor busy, and refusing requests would not help. */
const fewRequests = 20

const overloaded = (detail: string) => new ProblemError('overloaded', detail, { retry_after: 1 })

/** Whoever watches the process must see that it lives. */
const isLiveness = ({ raw: { url } }: FastifyRequest) => url === '/health/live'

/** Limits the connections, and refuses requests before memory or the event loop suffers. */
export default fp(async (fastify, { settings: { limits } }: { settings: Settings }) => {
  const { connections, requests, event_loop_delay: maxDelay, heap_percent: heapPercent } = limits
  fastify.server.maxConnections = connections
  const refused = fastify.metrics.counter({
    name: 'overload_refusals_total',
    help: 'Connections and requests that were refused to protect the server.',
    labels: ['reason']
  })
  fastify.server.on('drop', () => refused({ reason: 'connections' }))

  let underWay = 0
  fastify.metrics.gauge({
    name: 'http_requests_in_flight',
    help: 'Requests that have no complete answer yet.',
    labels: []
  }, () => [{ labels: {}, value: underWay }])
  fastify.addHook('onRequest', (request, reply, done) => {
    // Streams have a limit of their own.
    if (request.routeOptions.config?.isStream === true) return done()
    if (underWay >= requests && !isLiveness(request)) {
      refused({ reason: 'requests' })
      return done(
        overloaded(`${requests} requests are under way, which is the limit of this server`)
      )
    }
    underWay++
    reply.raw.once('close', () => {
      underWay--
    })
    done()
  })

  /** Tells by its value whether this is the second sample in sequence with a delay. One alone is a short stall. */
  const isLasting = createSequence()
  const reasons: Record<string, string> = {
    [underPressure.TYPE_EVENT_LOOP_DELAY]: 'The event loop of the server is late',
    [underPressure.TYPE_HEAP_USED_BYTES]: 'The memory of the server is nearly full'
  }
  await fastify.register(underPressure, {
    sampleInterval,
    maxEventLoopDelay: maxDelay,
    maxHeapUsedBytes: Math.floor(getHeapStatistics().heap_size_limit * heapPercent / 100),
    pressureHandler (request, _reply, type, value) {
      if (isLiveness(request)) return
      if (
        type === underPressure.TYPE_EVENT_LOOP_DELAY &&
        !(isLasting(value) && underWay > fewRequests)
      ) return
      refused({ reason: type })
      throw overloaded(reasons[type] ?? 'The server is overloaded')
    }
  })
}, { name: 'overload', dependencies: ['metrics'] })

/**
 * Returns a function that tells whether at least two different values arrived, the last two within two samples. A start
 * or a collection of garbage makes one sample late, which is no reason to refuse requests.
 */
function createSequence () {
  let last: unknown
  let lastAt = -Infinity
  let length = 0
  return (value: unknown) => {
    const now = performance.now()
    if (value !== last) {
      length = now - lastAt < 2 * sampleInterval + 100 ? length + 1 : 1
      last = value
    }
    lastAt = now
    return length >= 2
  }
}
