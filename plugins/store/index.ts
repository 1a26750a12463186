import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import { openStore } from './open.ts'
import type { Store } from './tables.ts'

export { StoreConflict } from './errors.ts'
export type { Store, Tables } from './tables.ts'

declare module 'fastify' {
  interface FastifyInstance {
    store: Store
    /** Writes to the store. Throws store_unavailable if that fails. */
    probeStore(): Promise<void>
  }
}

const minute = 60_000
export const keyRetention = 24 * 60 * minute
export const cursorRetention = 15 * minute

/** Keeps operations, idempotency keys and long cursors. Purges old rows at the start and every hour. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const store = await openStore(settings.store)
  fastify.decorate('store', store)
  fastify.decorate('probeStore', async () => {
    const row = { id: 1, written_at: new Date().toISOString() }
    const insert = store.insertInto('probes').values(row)
    await store.commit([insert.onConflict((conflict) => conflict.column('id').doUpdateSet(row))])
  })

  const purge = async () => {
    const before = (ms: number) => new Date(Date.now() - ms).toISOString()
    const operationRetention = settings.operations.keep_days * 24 * 60 * minute
    await store.deleteFrom('operations').where('finished_at', '<', before(operationRetention))
      .execute()
    await store.deleteFrom('idempotency_keys').where('created_at', '<', before(keyRetention))
      .execute()
    await store.deleteFrom('cursors').where('created_at', '<', before(cursorRetention)).execute()
  }
  const purgeOrLog = () =>
    purge().catch((err: unknown) => fastify.log.error({ err }, 'the store could not be purged'))
  await purgeOrLog()
  const timer = setInterval(purgeOrLog, 60 * minute)
  timer.unref()

  fastify.addHook('onClose', async () => {
    clearInterval(timer)
    await store.destroy()
  })
}, { name: 'store' })

/** Bounds of the pause between two attempts to write, in milliseconds. */
const minPause = 100
const maxPause = 2000

/** Repeats a write that must not be lost until it succeeds, or until `isStopped`. */
export async function writeUntilDone (write: () => Promise<unknown>, isStopped: () => boolean) {
  for (let pause = minPause; !isStopped(); pause = Math.min(pause * 2, maxPause)) {
    await sleep(pause, undefined, { ref: false })
    try {
      await write()
      return
    } catch { /* the caller has logged the first failure */ }
  }
}
