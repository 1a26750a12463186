import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyBaseLogger } from 'fastify'
import type { Settings } from './config/index.ts'
import { createLogger, openLogs, type LogTargets } from './logs.ts'
import { createMetricsSum } from './plugins/metrics/sum.ts'
import { banner } from './terminal.ts'
import { workerVariable, type FromPrimary, type FromWorker } from './worker.ts'

export interface SuperviseOptions {
  settings: Settings
  /** The number of workers. */
  count: number
  logs: LogTargets
}

/** Bounds of the pause before a worker is started again, in milliseconds. It doubles with each early end. */
const minPause = 200
const maxPause = 30_000

/** Milliseconds after which a worker counts as well: its next end is restarted after the shortest pause. */
const wellAfter = 60_000

/** Milliseconds for the workers to close. Each of them gives itself 5 seconds. */
const closeTimeout = 8000

/** Milliseconds for a worker to send its metrics. One that takes longer is left out of the sum. */
const collectTimeout = 2000

/** Throws an Error that says why if these settings cannot be served by several processes. */
function checkWorkers ({ store }: Settings, count: number) {
  if (!Number.isInteger(count) || count < 1 || count > 1024) {
    throw new Error('The number of --workers must be an integer from 1 to 1024')
  }
  if (count > 1 && store.url === undefined) {
    throw new Error(
      'The store is a file of SQLite, which one process can use at a time. ' +
        '--workers needs PostgreSQL: set store.url or DATABASE_URL'
    )
  }
}

type Message<Type> = Extract<FromWorker, { type: Type }>

/** Resolves to the message of this type and id from a worker; undefined if it ends or takes too long. */
async function waitForMessage<Type extends FromWorker['type']> (
  worker: Worker,
  type: Type,
  fits: (message: Message<Type>) => boolean = () => true,
  timeout?: number
): Promise<Message<Type> | undefined> {
  return new Promise((resolve) => {
    const end = (message?: Message<Type>) => {
      clearTimeout(timer)
      worker.off('message', look)
      worker.off('exit', leave)
      resolve(message)
    }
    const look = (message: FromWorker) => {
      if (message.type === type && fits(message as Message<Type>)) end(message as Message<Type>)
    }
    const leave = () => end()
    const timer = timeout === undefined ? undefined : setTimeout(end, timeout)
    worker.on('message', look)
    worker.on('exit', leave)
  })
}

const send = (worker: Worker, message: FromPrimary) => {
  // The worker may have ended a moment ago.
  if (worker.isConnected()) worker.send(message, () => {})
}

/** The metrics of all workers as one text, for the worker that was asked for them. */
function answerScrapes (listWorkers: () => readonly Worker[]) {
  const sum = createMetricsSum()
  let lastId = 0
  const collect = async (worker: Worker) => {
    const id = ++lastId
    const isAnswer = (message: Message<'collected'>) => message.id === id
    const collected = waitForMessage(worker, 'collected', isAnswer, collectTimeout)
    send(worker, { type: 'collect', id })
    const message = await collected
    if (message !== undefined) sum.set(worker.id, message.metrics)
  }
  return {
    async answer (worker: Worker, id: number) {
      await Promise.all(listWorkers().map(collect))
      send(worker, { type: 'metrics', id, text: await sum.read() })
    },
    /** Keeps what an ended worker has counted. */
    retire: (worker: Worker) => sum.retire(worker.id)
  }
}

/**
 * Serves with several worker processes that share the port. Starts a worker again that has ended, passes SIGHUP on, and
 * closes all on SIGTERM and SIGINT. Serves no requests itself. If the first worker cannot start, the process ends with
 * the exit code of the worker, which has said why.
 */
export async function supervise ({ settings, count, logs }: SuperviseOptions): Promise<void> {
  checkWorkers(settings, count)
  // The workers write the access log.
  const { stream, files } = await openLogs({ ...logs, access: undefined }, () => {})
  const log = createLogger(settings, stream)
  const workers = new Map<number, Worker>()
  const scrapes = answerScrapes(() => [...workers.values()])
  let isClosing = false

  const start = (place: number): Worker => {
    const worker = cluster.fork({ [workerVariable]: '1' })
    workers.set(place, worker)
    worker.on('message', (message: FromWorker) => {
      if (message.type !== 'scrape') return
      scrapes.answer(worker, message.id).catch((err: unknown) => {
        log.error({ err }, 'the metrics of the workers could not be read')
      })
    })
    return worker
  }

  /** Starts a worker in this place whenever the one before has ended. */
  const keep = async (place: number, first: Worker) => {
    let worker = first
    for (let pause = minPause; ;) {
      const started = performance.now()
      const [code, signal] = await once(worker, 'exit') as [number | null, NodeJS.Signals | null]
      workers.delete(place)
      scrapes.retire(worker)
      if (isClosing) return
      if (performance.now() - started > wellAfter) pause = minPause
      logEnd(log, worker, { code, signal, pause })
      await sleep(pause)
      pause = Math.min(pause * 2, maxPause)
      if (isClosing) return
      worker = start(place)
    }
  }

  const hasFiles = files.length > 0 || logs.access !== undefined
  const reopens = hasFiles || settings.audit?.file !== undefined
  if (reopens) {
    process.on('SIGHUP', () => {
      for (const file of files) file.reopen()
      for (const worker of workers.values()) worker.process.kill('SIGHUP')
    })
  }
  const skip: 'SIGHUP'[] = reopens ? ['SIGHUP'] : []
  closeWithGrace({ delay: closeTimeout + 1000, skip }, async ({ err }) => {
    if (err !== undefined) log.fatal({ err }, 'the server ends because of an error')
    isClosing = true
    await closeAll([...workers.values()])
    await Promise.all(files.map((file) => file.close()))
  })

  // The first worker migrates the store. If it cannot serve, the others could not either.
  const first = start(0)
  const ended = once(first, 'exit')
  const listening = await waitForMessage(first, 'listening')
  if (listening === undefined) {
    const [code] = await ended
    process.exit(code ?? 1)
  }
  const others = Array.from({ length: count - 1 }, (_, i) => start(i + 1))
  const kept = [first, ...others].map((worker, place) => keep(place, worker))
  await Promise.all(others.map((worker) => waitForMessage(worker, 'listening')))
  if (logs.access !== '-') process.stdout.write(banner(settings, listening.address, process.stdout))
  await Promise.all(kept)
}

function logEnd (
  log: FastifyBaseLogger,
  worker: Worker,
  end: { code: number | null, signal: NodeJS.Signals | null, pause: number }
) {
  const { code, signal, pause } = end
  const { pid } = worker.process
  log.error({ worker: pid, code, signal, restart_ms: pause }, 'a worker has ended; it is started again')
}

async function closeAll (workers: readonly Worker[]) {
  const ends = workers.filter((worker) => !worker.isDead()).map((worker) => once(worker, 'exit'))
  for (const worker of workers) send(worker, { type: 'close' })
  const timer = setTimeout(() => {
    for (const worker of workers) worker.process.kill('SIGKILL')
  }, closeTimeout)
  await Promise.all(ends)
  clearTimeout(timer)
}
