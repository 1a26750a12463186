import path from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Settings } from './config/index.ts'
import type { DriverPlugin } from './drivers/driver.ts'
import accessLogPlugin, { type AccessLog } from './plugins/access-log/index.ts'
import actions from './plugins/actions.ts'
import answers from './plugins/http/answers.ts'
import assignments from './plugins/assignments/index.ts'
import audit from './plugins/audit/index.ts'
import auth from './plugins/auth/index.ts'
import caching from './plugins/http/caching.ts'
import callWatchers from './plugins/clouds/watch.ts'
import clouds from './plugins/clouds/index.ts'
import compression from './plugins/http/compression.ts'
import connections, { type ConnectionLimits } from './plugins/http/connections.ts'
import cors from './plugins/http/cors.ts'
import errors from './plugins/errors.ts'
import events from './plugins/events/index.ts'
import eventStreams from './plugins/events/streams.ts'
import eventWatching from './plugins/events/watching.ts'
import etags from './plugins/http/etags.ts'
import expiry from './plugins/assignments/expiry.ts'
import health from './plugins/health.ts'
import http, { serverOptions } from './plugins/http/index.ts'
import idempotency from './plugins/idempotency.ts'
import lists from './plugins/lists/index.ts'
import callerLimits from './plugins/limits/index.ts'
import failures from './plugins/limits/failures.ts'
import jobs from './plugins/jobs/index.ts'
import log from './plugins/log.ts'
import membership from './plugins/membership/index.ts'
import metrics from './plugins/metrics/index.ts'
import metricsExporter from './plugins/metrics/exporter.ts'
import methods from './plugins/http/methods.ts'
import negotiation from './plugins/http/negotiation.ts'
import nodes from './plugins/nodes.ts'
import openapi from './plugins/openapi/index.ts'
import operations from './plugins/operations/index.ts'
import origins from './plugins/http/origins.ts'
import overload from './plugins/http/overload.ts'
import plainConnections from './plugins/http/plain-connections.ts'
import permissions from './plugins/auth/permissions.ts'
import preconditions from './plugins/http/preconditions.ts'
import purge from './plugins/store/purge.ts'
import schemas from './plugins/schemas.ts'
import shutdown, { drain } from './plugins/shutdown.ts'
import store from './plugins/store/index.ts'
import tls, { listenerOptions } from './plugins/http/tls.ts'
import tracing from './plugins/tracing/index.ts'
import sweep from './plugins/assignments/sweep.ts'
import webhooks from './plugins/webhooks/index.ts'
import index from './routes/index.ts'
import problemPages from './routes/problems.ts'
import v1 from './routes/v1/index.ts'

export interface AppOptions {
  settings: Settings
  /** The available drivers by name; `loadDrivers()` finds them. */
  drivers: ReadonlyMap<string, DriverPlugin>
  logger?: FastifyServerOptions['logger']
  connections?: Partial<ConnectionLimits>
  /** A log with a line for each request, beside the server's own. */
  accessLog?: AccessLog
  /** Resolves to the metrics of all processes of the server; by default those of this one. */
  readMetrics?: (() => Promise<string>) | undefined
}

/** Composes the server from its plugins, drivers and routes. */
export function createApp (appOptions: AppOptions): FastifyInstance {
  const { settings, drivers, logger = false, connections: limits = {}, accessLog } = appOptions
  // Without a trusted proxy, Fastify must not even read the headers that proxies add.
  const trustProxy = settings.trust_proxy.length > 0 && settings.trust_proxy
  const app: FastifyInstance = Fastify({
    ...serverOptions,
    ...listenerOptions(settings, limits),
    trustProxy,
    bodyLimit: settings.limits.body_bytes,
    logger
  })
  const options = { settings, drivers }

  app.register(errors)
  app.register(http)
  // Before all that may refuse a request.
  if (accessLog !== undefined) app.register(accessLogPlugin, { accessLog })
  app.register(callWatchers)
  app.register(metrics, options)
  app.register(overload, options)
  app.register(tls, options)
  // Before all that may refuse a request without its body, so that the body has a time limit.
  app.register(connections, { connections: limits })
  app.register(caching)
  app.register(plainConnections, options)
  app.register(origins, options)
  app.register(methods)
  app.register(cors, options)
  app.register(log, options)
  app.register(tracing)
  app.register(negotiation)
  app.register(etags)
  app.register(compression)
  app.register(store, options)
  app.register(membership, options)
  app.register(jobs, options)
  app.register(purge, options)
  app.register(events, options)
  app.register(failures, options)
  app.register(auth, options)
  app.register(callerLimits, options)
  app.register(audit, options)
  app.register(schemas, options)
  app.register(openapi, options)
  app.register(clouds, options)
  app.register(assignments)
  app.register(answers, options)
  app.register(preconditions)
  app.register(permissions)
  app.register(shutdown)
  app.register(operations, options)
  app.register(eventStreams, options)
  app.register(eventWatching, options)
  app.register(idempotency)
  app.register(lists)
  app.register(actions)
  app.register(nodes)
  app.register(metricsExporter, { settings, readMetrics: appOptions.readMetrics })
  app.register(expiry, options)
  app.register(sweep, options)
  app.register(webhooks, options)
  app.register(health)
  app.register(index)
  app.register(problemPages)
  app.register(v1, options)
  app.register(autoload, {
    dir: path.join(import.meta.dirname, 'routes/v2'),
    // The routes name their paths.
    dirNameRoutePrefix: false,
    options: { prefix: '/api/v2' }
  })
  app.register(drain)

  return app
}
