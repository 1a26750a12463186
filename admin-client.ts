import http from 'node:http'
import { text } from 'node:stream/consumers'
import type { Settings } from './config/index.ts'
import type { Problem } from './openapi/model/index.ts'
import { adminSocketOf } from './plugins/admin.ts'
import { openStore } from './plugins/store/open.ts'
import type { Store } from './plugins/store/tables.ts'

/** A command that works on the store. */
export interface StoreCommand<T> {
  method: 'GET' | 'POST' | 'DELETE'
  /** The path on the admin socket. */
  path: string
  body?: object
  /** The same without a server. */
  run(store: Store): Promise<T>
}

/** Whether an error means that no server listens on the socket. */
const isNotServed = ({ code = '' }: NodeJS.ErrnoException) =>
  ['ENOENT', 'ECONNREFUSED'].includes(code)

function send (socketPath: string, { method, path, body }: StoreCommand<unknown>) {
  return new Promise<{ status: number, body: string }>((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const request = http.request({ socketPath, path, method, headers }, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode!, body: answer }),
        reject
      )
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function runOnServer<T> (
  socket: string,
  failed: string,
  command: StoreCommand<T>
): Promise<T> {
  const { status, body } = await send(socket, command)
  if (status === 200) return JSON.parse(body) as T
  const { detail, hint } = JSON.parse(body) as Problem
  throw new Error(`${failed}: ${detail}. ${hint}`)
}

/**
 * Runs a command through the running server, which alone can use its file, or on the store if no server runs, and on
 * PostgreSQL. `failed` begins the message of an error: `The store was not copied`.
 */
export async function runOnStore<T> (
  { store: settings }: Settings,
  failed: string,
  command: StoreCommand<T>
): Promise<T> {
  const socket = adminSocketOf(settings)
  if (settings.file === ':memory:') {
    throw new Error(`${failed}: the store is in memory (store.file is :memory:); set a file`)
  }
  try {
    if (socket !== undefined) return await runOnServer(socket, failed, command)
  } catch (error) {
    if (!isNotServed(error as NodeJS.ErrnoException)) throw error
  }
  const store = await openStore(settings)
  try {
    return await command.run(store)
  } catch (error) {
    throw new Error(`${failed}: ${(error as Error).message}`, { cause: error })
  } finally {
    await store.destroy()
  }
}
