import http from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Settings } from './config/index.ts'
import type { Problem } from './openapi/model/index.ts'
import { adminSocketOf } from './plugins/admin.ts'
import { backupStore } from './plugins/store/backup.ts'
import { openStore } from './plugins/store/open.ts'

/** Whether an error means that no server listens on the socket. */
const isNotServed = ({ code = '' }: NodeJS.ErrnoException) => ['ENOENT', 'ECONNREFUSED'].includes(code)

function post (socketPath: string, requestPath: string, body: object) {
  return new Promise<{ status: number, body: string }>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const request = http.request({ socketPath, path: requestPath, method: 'POST', headers }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode!, body: answer }), reject)
    })
    request.on('error', reject)
    request.end(JSON.stringify(body))
  })
}

/**
 * Copies the store to a new file: through the running server, which alone can read its store, or directly if no server
 * runs. Throws an Error that says what to do.
 */
export async function backup ({ store: { file: storeFile } }: Settings, target: string): Promise<string> {
  const file = path.resolve(target)
  const socket = adminSocketOf(storeFile)
  if (socket === undefined) throw new Error('The store is in memory (store.file is :memory:). Set a file to back it up')
  try {
    const { status, body } = await post(socket, '/backup', { file })
    if (status === 200) return file
    const { detail, hint } = JSON.parse(body) as Problem
    throw new Error(`The store was not copied: ${detail}. ${hint}`)
  } catch (error) {
    if (!isNotServed(error as NodeJS.ErrnoException)) throw error
  }
  const store = await openStore(storeFile)
  try {
    await backupStore(store, file)
    return file
  } catch (error) {
    throw new Error(`The store was not copied: ${(error as Error).message}`, { cause: error })
  } finally {
    await store.destroy()
  }
}
