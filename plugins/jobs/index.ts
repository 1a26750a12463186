import fp from 'fastify-plugin'
import type { PostgresSettings, Settings } from '../../config/index.ts'
import { createMemoryQueue } from './memory.ts'
import type { JobQueue } from './queue.ts'
import { createRunner, type JobHandler, type JobKind } from './runner.ts'

declare module 'fastify' {
  interface FastifyInstance {
    jobs: Jobs
  }
}

/**
 * Work that exactly one of the servers on a store does. A job of a name and a key exists once and runs on one server at
 * a time; if that server dies, another runs the job within 30 s. On SQLite, jobs end with the process: what must
 * survive is planned again from the rows of the store at the start.
 */
export interface Jobs {
  /** Defines what jobs of a name do, before the server is ready. `atOnce` of them run at once on one server. */
  work<T>(name: string, handler: JobHandler<T>, options?: { atOnce?: number }): void
  /**
   * Defines a job that runs again so many seconds after each end. It first runs when a server starts, or `firstIn`
   * seconds later.
   */
  every(
    name: string,
    seconds: number,
    handler: (signal: AbortSignal) => Promise<void>,
    options?: { firstIn?: number }
  ): void
  /**
   * Plans a job at a time in milliseconds since 1970, or moves it there. A job that runs now runs again at that time.
   * With `keep`, a job that exists keeps its time if that is earlier, and one that runs is left alone. `data` is JSON.
   * Throws an Error if the store fails.
   */
  schedule(
    name: string,
    key: string,
    at: number,
    data?: unknown,
    options?: { keep?: boolean }
  ): Promise<void>
  /** Removes a job. One that runs now ends, and does not run again. Throws an Error if the store fails. */
  cancel(name: string, key: string): Promise<void>
}

const defaultAtOnce = 10

/** The key of a job that exists once. */
const onlyKey = 'all'

export default fp<{ settings: Settings }>(async (fastify, { settings: { store } }) => {
  const { log, membership } = fastify
  const kinds = new Map<string, JobKind>()
  const recurring = new Map<string, number>()
  let queue: JobQueue | undefined
  let runner: ReturnType<typeof createRunner> | undefined

  const work: Jobs['work'] = (name, handler, { atOnce = defaultAtOnce } = {}) => {
    if (queue !== undefined || kinds.has(name)) throw new Error(`The job ${name} is defined too late, or twice`)
    kinds.set(name, { handler, atOnce })
  }

  const opened = () => {
    if (queue === undefined) throw new Error('Jobs can be planned when the server is ready')
    return queue
  }

  const put = async (name: string, key: string, at: number, data: unknown, keep: boolean) => {
    await opened().put(name, key, at, data, keep)
    runner?.lookAt(at)
  }

  const openShared = async (settings: PostgresSettings) => {
    const { openBossQueue } = await import('./pg-boss-queue.ts')
    return openBossQueue(settings, [...kinds.keys()], (err) => {
      log.warn({ err }, 'the maintenance of the jobs failed; it is tried again')
    })
  }

  fastify.decorate('jobs', {
    work,
    every (name, seconds, handler, { firstIn = 0 } = {}) {
      work(name, async ({ signal }) => {
        await handler(signal)
        return Date.now() + seconds * 1000
      })
      recurring.set(name, firstIn * 1000)
    },
    schedule: (name, key, at, data, { keep = false } = {}) => put(name, key, at, data, keep),
    cancel: async (name, key) => opened().remove(name, key)
  } satisfies Jobs)

  fastify.addHook('onReady', async () => {
    queue = store.url === undefined ? createMemoryQueue() : await openShared(store)
    runner = createRunner({ queue, kinds, isActive: () => membership.isActive(), log })
    for (const [name, firstIn] of recurring) {
      await put(name, onlyKey, Date.now() + firstIn, null, true)
    }
  })
  fastify.addHook('preClose', async () => runner?.stop())
  fastify.addHook('onClose', async () => {
    runner?.stop()
    await runner?.end()
    await queue?.close()
  })
}, { name: 'jobs', dependencies: ['membership', 'store'] })
