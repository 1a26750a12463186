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

/** Opens the store. purge.ts removes old rows. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const store = await openStore(settings.store)
  fastify.decorate('store', store)
  fastify.decorate('probeStore', async () => {
    const row = { id: 1, written_at: new Date().toISOString() }
    const insert = store.insertInto('probes').values(row)
    await store.commit([insert.onConflict((conflict) => conflict.column('id').doUpdateSet(row))])
  })

  fastify.addHook('onClose', async () => {
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
