import path from 'node:path'
import { runOnStore } from './admin-client.ts'
import type { Settings } from './config/index.ts'
import { backupStore } from './plugins/store/backup.ts'
import { placeOf } from './plugins/store/open.ts'

/**
 * Copies the store to a new file: through the running server, which alone can read its store, or directly if no server
 * runs. Throws an Error that says what to do, also for a store on PostgreSQL.
 */
export async function backup (settings: Settings, target: string): Promise<string> {
  if (settings.store.url !== undefined) {
    const place = `postgres://${placeOf(settings.store)}`
    throw new Error(
      'The store is on PostgreSQL, whose own program copies it, also while servers run: ' +
        `pg_dump --format=custom --file=${target} ${place}`
    )
  }
  const file = path.resolve(target)
  await runOnStore(settings, 'The store was not copied', {
    method: 'POST',
    path: '/backup',
    body: { file },
    run: (store) => backupStore(store, file)
  })
  return file
}
