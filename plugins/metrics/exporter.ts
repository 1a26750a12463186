import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import { isLoopback } from '../../config/exposure.ts'
import { limitersOf } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Auth } from '../auth/index.ts'
import { sendProblem } from '../errors.ts'
import { followCertificate, listenerOptions } from '../http/tls.ts'
import { createHostCheck, hostRefused } from '../http/origins.ts'
import { createConnectionCheck } from '../http/plain-connections.ts'
import type { Sample } from './registry.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The URL of the metrics; undefined if the settings have no `metrics`, and before the server is ready. */
    readonly metricsAddress: string | undefined
  }
}

export interface ExporterOptions {
  settings: Settings
  /** Resolves to the metrics of this server's processes; by default those of this one. */
  readMetrics?: (() => Promise<string>) | undefined
}

/** Serves `/metrics` on a listener of its own, and adds the metrics whose values are read at each scrape. */
export default fp(async (fastify, { settings, readMetrics }: ExporterOptions) => {
  const { metricsRegistry: registry, metrics, farm, operations } = fastify
  let address: string | undefined
  fastify.decorate('metricsAddress', { getter: () => address })
  if (settings.metrics === undefined || registry === undefined) return
  const { host, port } = settings.metrics

  const readLimiters = (name: 'running' | 'waiting') =>
    function * (): Iterable<Sample> {
      for (const { name: cloud, connection } of farm.clouds) {
        const limiters = connection === undefined ? undefined : limitersOf.get(connection)
        if (limiters === undefined) continue
        yield {
          labels: { cloud },
          value: limiters.reduce((sum, limiter) => sum + limiter[name], 0)
        }
      }
    }
  metrics.gauge({
    name: 'cloud_requests_in_flight',
    help: 'Requests to a cloud that have no answer yet.',
    labels: ['cloud']
  }, readLimiters('running'))
  metrics.gauge({
    name: 'cloud_requests_waiting',
    help: 'Requests that wait because `max_in_flight` requests to the cloud are in flight.',
    labels: ['cloud']
  }, readLimiters('waiting'))
  metrics.gauge({
    name: 'cloud_up',
    help: '1 if the cloud was up when the server last saw it, otherwise 0.',
    labels: ['cloud'],
    aggregator: 'min'
  }, () =>
    farm.clouds
      .filter(({ health: { status } }) => status !== 'disabled' && status !== 'unknown')
      .map(({ name, health: { status } }) => ({
        labels: { cloud: name },
        value: status === 'down' ? 0 : 1
      })))

  /** Groups the operations that have not ended, and reduces the ages of each group in seconds to one value. */
  const readOperations = (reduce: (ages: readonly number[]) => number) => () => {
    const ages = new Map<string, Sample & { ages: number[] }>()
    for (const { cloud, status, phase, created_at: created } of operations.underWay()) {
      const key = `${cloud} ${status} ${phase}`
      const group = ages.get(key) ??
        { labels: { cloud, status, phase: phase ?? '' }, value: 0, ages: [] }
      group.ages.push(Math.max(0, Date.now() - Date.parse(created)) / 1000)
      ages.set(key, group)
    }
    return [...ages.values()].map((group) => ({ labels: group.labels, value: reduce(group.ages) }))
  }
  const labels = ['cloud', 'status', 'phase']
  metrics.gauge(
    { name: 'operations_under_way', help: 'Operations that have not ended.', labels },
    readOperations(({ length }) => length)
  )
  metrics.gauge({
    name: 'operations_oldest_age_seconds',
    help: 'Age of the oldest operation that has not ended.',
    labels,
    aggregator: 'max'
  }, readOperations((ages) => Math.max(...ages)))

  const listener: FastifyInstance = Fastify({ ...listenerOptions(settings), logger: false })
  const stopFollowing = settings.tls === undefined
    ? () => {}
    : followCertificate(settings.tls, listener.server, fastify.log)
  listener.setErrorHandler(sendProblem)
  const checkConnection = createConnectionCheck(host, settings)
  if (checkConnection !== undefined) listener.addHook('onRequest', checkConnection)
  if (isLoopback(host)) checkHost(listener, [host, ...settings.allowed_hosts])
  else requireAdmin(listener, fastify.auth)
  listener.get(
    '/metrics',
    async (_request, reply) => {
      const text = await (readMetrics ?? (() => registry.metrics()))()
      return reply.type(registry.contentType).send(text)
    }
  )

  // An error, such as a port that is in use, ends the start.
  fastify.addHook('onReady', async () => {
    address = `${await listener.listen({ host, port })}/metrics`
    fastify.log.info({ address }, 'metrics are served')
  })
  fastify.addHook('onClose', async () => {
    stopFollowing()
    await listener.close()
    registry.clear()
  })
}, { name: 'metrics-exporter', dependencies: ['auth', 'metrics', 'clouds', 'operations'] })

/** A page whose name resolves to this server (DNS rebinding) must not read the metrics. */
function checkHost (listener: FastifyInstance, names: readonly string[]) {
  const isKnownHost = createHostCheck(names)
  listener.addHook('onRequest', (request, _reply, done) => {
    done(isKnownHost(request.host) ? undefined : hostRefused(request.host))
  })
}

/** On an address that others reach, the metrics need a caller with the level admin on all clouds. */
function requireAdmin (listener: FastifyInstance, auth: Auth) {
  listener.addHook('onRequest', async (request, reply) => {
    try {
      await auth.renew(request)
    } catch (error) {
      if ((error as ProblemError).code === 'unauthenticated') {
        reply.header('www-authenticate', 'Bearer')
      }
      throw error
    }
    if (request.caller.mayEverywhere('admin')) return
    throw new ProblemError(
      'permission_denied',
      `${request.caller.name} needs the level admin on * for the metrics`
    )
  })
}
