import type { MetricObjectWithValues, MetricValue } from 'prom-client'

/** The metrics of one process, in the form in which prom-client passes them between processes. */
export type ProcessMetrics = MetricObjectWithValues<MetricValue<string>>[]

/** The metrics of several processes, as one text for Prometheus. */
export interface MetricsSum {
  /** Replaces the metrics of a process. */
  set(id: number, metrics: ProcessMetrics): void
  /** Keeps the counters of a process that has ended, so that their sum never falls, and forgets its gauges. */
  retire(id: number): void
  read(): Promise<string>
}

/** prom-client's names of types in JSON (lib/registry.js). Their values only grow. */
const isCounter = ({ type }: { type: unknown }) => type === 'counter' || type === 'histogram'

/** Adds the metrics of several processes by their names and labels, each by its aggregator: most by their sum. */
export function createMetricsSum (): MetricsSum {
  const running = new Map<number, ProcessMetrics>()
  let retired: ProcessMetrics = []

  const add = async (all: readonly ProcessMetrics[]) => {
    const { default: { AggregatorRegistry } } = await import('prom-client')
    return AggregatorRegistry.aggregate([...all])
  }
  let retiring: Promise<void> = Promise.resolve()

  return {
    set (id, metrics) {
      running.set(id, metrics)
    },
    retire (id) {
      const counted = running.get(id)?.filter(isCounter)
      running.delete(id)
      if (counted === undefined) return
      retiring = retiring.then(async () => {
        retired = await (await add([retired, counted])).getMetricsAsJSON()
      })
    },
    async read () {
      await retiring
      return (await add([...running.values(), retired])).metrics()
    }
  }
}
