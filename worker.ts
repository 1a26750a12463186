import type { Registry } from 'prom-client'
import type { ProcessMetrics } from './plugins/metrics/sum.ts'

/** The messages of the primary process to a worker. */
export type FromPrimary =
  | { type: 'collect', id: number }
  | { type: 'metrics', id: number, text: string }
  | { type: 'close' }

/** The messages of a worker to the primary process. */
export type FromWorker =
  | { type: 'listening', address: string }
  | { type: 'collected', id: number, metrics: ProcessMetrics }
  | { type: 'scrape', id: number }

/** The variable of the environment by which the primary process tells a process that it is a worker. */
export const workerVariable = 'ORCHESTRATOR_WORKER'

export interface Primary {
  /** Resolves to the metrics of all workers. */
  scrape(): Promise<string>
  /** Calls a function when the primary process wants this worker to close. */
  onClose(close: () => void): void
  /** Says that this worker listens, and serves its metrics to the primary process. */
  listen(address: string, registry: Registry | undefined): void
}

/** Connects a worker with its primary process. If that ends, Node.js ends the worker. */
export function connectToPrimary (): Primary {
  const send = (message: FromWorker) => {
    process.send!(message)
  }
  const scrapes = new Map<number, (text: string) => void>()
  let lastScrape = 0
  let ownRegistry: Registry | undefined
  let close = () => {}
  process.on('message', (message: FromPrimary) => {
    if (message.type === 'close') return close()
    if (message.type === 'metrics') {
      scrapes.get(message.id)?.(message.text)
      scrapes.delete(message.id)
      return
    }
    const { id } = message
    ownRegistry?.getMetricsAsJSON().then((metrics) => send({ type: 'collected', id, metrics }), () => {})
  })
  return {
    scrape: () => new Promise((resolve) => {
      const id = ++lastScrape
      scrapes.set(id, resolve)
      send({ type: 'scrape', id })
    }),
    onClose (onClose) {
      close = onClose
    },
    listen (address, registry) {
      ownRegistry = registry
      send({ type: 'listening', address })
    }
  }
}
