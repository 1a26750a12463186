import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { FastifyBaseLogger } from 'fastify'
import { version } from '../../config/version.ts'

type Env = Readonly<Record<string, string | undefined>>

/** The parts of OpenTelemetry that the plugin uses. */
export interface Tracing {
  tracer: Tracer
  api: typeof import('@opentelemetry/api')
  /** Returns the context that a header `traceparent` names; an empty one if the header is missing or not valid. */
  contextOf(traceparent: string | undefined, tracestate?: string): Context
  /** Sends the remaining spans and stops. */
  shutdown(): Promise<void>
}

/**
 * Tells by the standard variables of OpenTelemetry whether to export traces (opentelemetry.io/docs/specs/otel:
 * "Environment Variable Specification").
 */
export function isTracingRequested (env: Env) {
  if (
    env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none'
  ) return false
  return [
    'OTEL_TRACES_EXPORTER',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
  ]
    .some((name) => (env[name] ?? '') !== '')
}

async function createExporter (env: Env) {
  const { OTEL_TRACES_EXPORTER: exporter = 'otlp' } = env
  if (exporter !== 'otlp') {
    throw new Error(`OTEL_TRACES_EXPORTER is ${exporter}; expected otlp or none`)
  }
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ??
    env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? 'http/protobuf'
  switch (protocol) {
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter()
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter()
    default:
      throw new Error(
        `OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}; expected http/protobuf or http/json`
      )
  }
}

/**
 * Loads OpenTelemetry and starts to export spans over OTLP. The SDK reads the other variables itself: the sampler, the
 * batches, the endpoint. Throws an Error for a variable whose value this server does not support.
 */
export async function startTracing (env: Env, log: FastifyBaseLogger): Promise<Tracing> {
  const exporter = await createExporter(env)
  const api = await import('@opentelemetry/api')
  const { NodeTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-node')
  const { detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  )
  const { diag, DiagLogLevel, propagation, ROOT_CONTEXT } = api

  const warn = (message: string) => log.warn({ component: 'opentelemetry' }, message.slice(0, 500))
  diag.setLogger({ error: warn, warn, info () {}, debug () {}, verbose () {} }, {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true
  })
  const own = resourceFromAttributes({
    'service.name': 'cloud-orchestrator',
    'service.version': version
  })
  const provider = new NodeTracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)]
  })
  // The W3C propagators. Spans get their parents explicitly, so no context manager is needed.
  provider.register({ contextManager: null })

  return {
    api,
    tracer: provider.getTracer('cloud-orchestrator', version),
    contextOf: (traceparent, tracestate) =>
      propagation.extract(ROOT_CONTEXT, { traceparent, tracestate }),
    shutdown: () => provider.shutdown()
  }
}

/** Returns the header `traceparent` that names a span (W3C Trace Context, section 3.2). */
export function traceparentOf (span: Span) {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
