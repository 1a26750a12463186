import type { Registry } from 'prom-client'
import type { Settings } from './config/index.ts'
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

/** A worker among those of one server, counted from 0. */
export interface WorkerPlace {
  index: number
  count: number
}

/** The variable of the environment in which the primary process tells a worker its place: `2/4`. */
export const placeVariable = 'ORCHESTRATOR_WORKER'

/** Reads the place of this process; undefined if it is no worker. */
export function readPlace (env: NodeJS.ProcessEnv): WorkerPlace | undefined {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(env[placeVariable] ?? '') ?? []
  return count === undefined ? undefined : { index: Number(index), count: Number(count) }
}

/** Divides a number among workers, so that the parts have it as their sum. Each part is at least 1. */
const partOf = (total: number, { index, count }: WorkerPlace) =>
  Math.max(1, Math.floor(total / count) + (index < total % count ? 1 : 0))

/** Returns the settings of one worker, which has its part of the calls that may be in flight to each cloud. */
export const settingsOfWorker = (settings: Settings, place: WorkerPlace): Settings => ({
  ...settings,
  clouds: settings.clouds.map((cloud) => ({
    ...cloud,
    max_in_flight: partOf(cloud.max_in_flight, place)
  }))
})

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
