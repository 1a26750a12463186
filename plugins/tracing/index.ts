import type { Span } from '@opentelemetry/api'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import type { Call } from '../../drivers/call.ts'
import { isTracingRequested, startTracing, traceparentOf, type Tracing } from './sdk.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The header `traceparent` for the calls of this request; undefined if the server makes no traces. */
    traceparent: string | undefined
    span: Span | undefined
  }
}

/** Milliseconds for the last spans to arrive. A collector that is down must not keep the server from closing. */
const shutdownTimeout = 1500

/**
 * Makes a span of each request and of each call to a cloud. OpenTelemetry is loaded only if its environment variables
 * ask for it: it takes 15 MB and a third of a second.
 */
export default fp(async (fastify) => {
  fastify.decorateRequest('traceparent')
  fastify.decorateRequest('span')
  if (!isTracingRequested(process.env)) return
  const tracing = await startTracing(process.env, fastify.log)
  traceRequests(fastify, tracing)
  traceCalls(fastify, tracing)
  fastify.addHook('onClose', async () => {
    let timer: NodeJS.Timeout | undefined
    const overdue = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, shutdownTimeout)
    })
    // The SDK has logged the error of an export that failed.
    await Promise.race([tracing.shutdown().catch(() => {}), overdue])
    clearTimeout(timer)
  })
}, { name: 'tracing', dependencies: ['call-watchers'] })

/** Continues the trace of the client, and adds the ids of the trace to the log lines of the request. */
function traceRequests (
  fastify: FastifyInstance,
  { tracer, contextOf, api: { SpanKind, SpanStatusCode } }: Tracing
) {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { method, headers, routeOptions: { url: route } } = request
    const { traceparent, tracestate } = headers
    const parent = contextOf(traceparent as string | undefined, tracestate as string | undefined)
    const span = tracer.startSpan(route === undefined ? method : `${method} ${route}`, {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': method,
        // Without the query, which may contain names and tags of the caller.
        'url.path': request.url.split('?', 1)[0]!,
        ...(route !== undefined && { 'http.route': route })
      }
    }, parent)
    const { traceId, spanId } = span.spanContext()
    request.span = span
    request.traceparent = traceparentOf(span)
    request.log = reply.log = request.log.child({ trace_id: traceId, span_id: spanId })
    reply.raw.once('close', () => {
      const { statusCode } = reply
      span.setAttribute('http.response.status_code', statusCode)
      if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    })
    done()
  })
}

/** Makes a span of each call to a cloud, below the span of the request, and passes it on in `call.traceparent`. */
function traceCalls (
  fastify: FastifyInstance,
  { tracer, contextOf, api: { SpanKind, SpanStatusCode } }: Tracing
) {
  /** The header with which each call began. A call may run several methods. */
  const parents = new WeakMap<Call, string | undefined>()

  fastify.callWatchers.push((cloud, method, call) => {
    if (!parents.has(call)) parents.set(call, call.traceparent)
    const span = tracer.startSpan(`${cloud} ${method}`, {
      kind: SpanKind.CLIENT,
      attributes: {
        'orchestrator.cloud': cloud,
        'orchestrator.method': method,
        'orchestrator.request_id': call.requestId,
        ...(call.operation !== undefined && { 'orchestrator.operation': call.operation })
      }
    }, contextOf(parents.get(call)))
    call.traceparent = traceparentOf(span)
    return (problem) => {
      if (problem !== undefined) {
        span.setAttribute('error.type', problem.code)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end()
    }
  })
}
