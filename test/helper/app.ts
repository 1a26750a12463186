import path from 'node:path'
import type { Test } from 'tap'
import { request } from 'undici'
import { createApp, type AppOptions } from '../../app.ts'
import { loadSettings } from '../../config/index.ts'
import { loadDrivers } from '../../drivers/load.ts'
import { createApi, type Send } from './api.ts'
import { createDocumentCheck } from './document.ts'

/** The repository's root, from the compiled tests. */
export const root = path.resolve(import.meta.dirname, '../../..')

/** A dummy cloud that is instant and keeps nothing. */
export const dummy = (settings: object = {}) => ({ driver: 'dummy', delay: 0, state_file: null, ...settings })

export interface BuildOptions {
  clouds?: Record<string, object>
  /** The server's own settings. */
  settings?: object
  /** A folder in which an earlier server has left its store. */
  directory?: string
  /** Whether requests go over a socket; otherwise they are injected. */
  listen?: boolean
  /** The server's log; silent where not given. */
  logger?: AppOptions['logger']
}

/** A server on dummy clouds, not listening, closed when the test ends; each of its answers is checked against its document. */
export async function build (t: Test, options: BuildOptions = {}) {
  const { clouds = { default: dummy() }, settings: own = {}, directory = t.testdir(), listen = false, logger = false } = options
  const drivers = await loadDrivers()
  const file = path.join(directory, 'orchestrator.json')
  const { writeFile } = await import('node:fs/promises')
  const operations = { poll_ms: 5, ...(own as { operations?: object }).operations }
  await writeFile(file, JSON.stringify({ ...own, operations, clouds }))
  const settings = loadSettings({ config: file, env: {}, cwd: directory, drivers })
  const app = createApp({ settings, drivers, logger })
  t.teardown(() => app.close())
  await app.ready()
  const check = createDocumentCheck(app.swagger())
  const origin = listen ? await app.listen({ host: '127.0.0.1', port: 0 }) : ''
  const overSocket: Send = async ({ method, url, headers, payload = null }) => {
    const { statusCode, headers: answered, body } = await request(origin + url, { method, headers, body: payload })
    return { status: statusCode, headers: answered as Record<string, string>, text: await body.text() }
  }
  const injected: Send = async ({ method, url, headers, payload }) => {
    const sent = payload === undefined ? {} : { payload }
    const { statusCode, headers: answered, body } = await app.inject({ method, url, headers, ...sent })
    return { status: statusCode, headers: answered as Record<string, string>, text: body }
  }
  const api = createApi(listen ? overSocket : injected, check)
  return { app, api, directory, origin }
}
