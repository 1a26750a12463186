import type { Registry } from 'prom-client'

type Labels = Readonly<Record<string, string>>

export interface MetricOptions {
  /** Without the prefix `orchestrator_`. Its end is the unit, or `total` for a counter. */
  name: string
  help: string
  labels: readonly string[]
}

/** A value of a gauge at the time of a scrape. */
export interface Sample {
  labels: Labels
  value: number
}

/**
 * Metrics that plugins offer to Prometheus. Register a metric once, when a plugin starts. A metric costs nothing if
 * the settings have no `metrics`.
 */
export interface Metrics {
  readonly enabled: boolean
  /** Returns a function that adds 1, or the given amount. */
  counter(options: MetricOptions): (labels: Labels, amount?: number) => void
  /** Returns a function that records a value. `buckets` are the upper bounds. */
  histogram(options: MetricOptions & { buckets: number[] }): (labels: Labels, value: number) => void
  /**
   * Reads the values of a gauge at each scrape. `aggregator` makes one value of those of several workers; by default
   * their sum.
   */
  gauge(options: MetricOptions & { aggregator?: 'max' | 'min' }, read: () => Iterable<Sample>): void
}

/** The metrics of a server whose settings have no `metrics`. */
export const noMetrics: Metrics = {
  enabled: false,
  counter: () => () => {},
  histogram: () => () => {},
  gauge () {}
}

const prefix = 'orchestrator_'

/** Creates metrics in a registry of prom-client, with those of the process and the event loop. */
export async function createMetrics (): Promise<{ metrics: Metrics, registry: Registry }> {
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } =
    (await import('prom-client')).default
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const complete = ({ name, help, labels }: MetricOptions) => ({
    name: prefix + name,
    help,
    labelNames: labels,
    registers: [registry]
  })

  const metrics: Metrics = {
    enabled: true,
    counter (options) {
      const counter = new Counter(complete(options))
      return (labels, amount = 1) => counter.inc(labels, amount)
    },
    histogram ({ buckets, ...options }) {
      const histogram = new Histogram({ ...complete(options), buckets })
      return (labels, value) => histogram.observe(labels, value)
    },
    gauge ({ aggregator, ...options }, read) {
      const gauge = new Gauge({
        ...complete(options),
        ...aggregator && { aggregator },
        collect () {
          gauge.reset()
          for (const { labels, value } of read()) gauge.set(labels, value)
        }
      })
    }
  }
  return { metrics, registry }
}
