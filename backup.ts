import path from 'node:path'
import { runOnStore } from './admin-client.ts'
import type { Settings } from './config/index.ts'
import { backupStore } from './plugins/store/backup.ts'

/**
 * Copies the store to a new file: through the running server, which alone can read its store, or directly if no server
 * runs. Throws an Error that says what to do.
 */
export async function backup (settings: Settings, target: string): Promise<string> {
  const file = path.resolve(target)
  await runOnStore(settings, 'The store was not copied', {
    method: 'POST',
    path: '/backup',
    body: { file },
    run: (store) => backupStore(store, file)
  })
  return file
}
