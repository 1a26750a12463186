import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import { cursorRetention, keyRetention } from './index.ts'

const hourSeconds = 3600
const dayMs = 24 * hourSeconds * 1000

/** Removes old operations, idempotency keys, long cursors and sign-ins from the store, at the start and every hour. */
export default fp<{ settings: Settings }>(async ({ jobs, store }, { settings }) => {
  const operationRetention = settings.operations.keep_days * dayMs
  const before = (ms: number) => new Date(Date.now() - ms).toISOString()

  jobs.every('purge', hourSeconds, async () => {
    await store.deleteFrom('operations').where('finished_at', '<', before(operationRetention))
      .execute()
    await store.deleteFrom('idempotency_keys').where('created_at', '<', before(keyRetention))
      .execute()
    await store.deleteFrom('cursors').where('created_at', '<', before(cursorRetention)).execute()
    await store.deleteFrom('sign_ins').where('expires_at', '<', before(0)).execute()
  })
}, { name: 'purge', dependencies: ['jobs', 'store'] })
