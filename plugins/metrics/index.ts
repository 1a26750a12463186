import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import type { Settings } from '../../config/index.ts'
import { createMetrics, noMetrics, type Metrics } from './registry.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
    /** The registry of the metrics; undefined if the settings have no `metrics`. */
    metricsRegistry: Registry | undefined
  }
}

/** Upper bounds in seconds: from a list of the memory to the longest wait of `Prefer: wait`. */
export const durationBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * Offers `fastify.metrics` to the other plugins, and measures the requests and the calls to clouds. exporter.ts serves
 * the metrics.
 */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { metrics, registry } = settings.metrics === undefined
    ? { metrics: noMetrics, registry: undefined }
    : await createMetrics()
  fastify.decorate('metrics', metrics)
  fastify.decorate('metricsRegistry', registry)
  if (!metrics.enabled) return

  const observeRequest = metrics.histogram({
    name: 'http_request_duration_seconds',
    help: 'Seconds from the arrival of a request to the end of its answer.',
    labels: ['method', 'route', 'status'],
    buckets: durationBuckets
  })
  fastify.addHook('onResponse', ({ method, routeOptions }, reply, done) => {
    // A stream lasts as long as its client wants.
    if (routeOptions.config.isStream === true) return done()
    // Paths without a route are many. One label for all of them keeps the number of series small.
    const route = routeOptions.url ?? 'none'
    observeRequest({ method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
    done()
  })

  const observeCall = metrics.histogram({
    name: 'cloud_call_duration_seconds',
    help: 'Seconds of a call to a cloud. outcome: ok, or the code of the problem.',
    labels: ['cloud', 'method', 'outcome'],
    buckets: durationBuckets
  })
  fastify.callWatchers.push((cloud, method) => {
    const started = performance.now()
    return (problem) => {
      observeCall(
        { cloud, method, outcome: problem?.code ?? 'ok' },
        (performance.now() - started) / 1000
      )
    }
  })
}, { name: 'metrics', dependencies: ['call-watchers'] })
