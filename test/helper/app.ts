import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { request } from 'undici'
import { createApp, type AppOptions } from '../../app.ts'
import { loadServer } from '../../config/index.ts'
import { createApi, type Send } from './api.ts'
import { databaseOf } from './database.ts'
import { sharedDocumentCheck } from './document.ts'

/** The repository's root, from the compiled tests. */
export const root = path.resolve(import.meta.dirname, '../../..')

/** A dummy cloud that is instant and keeps nothing. */
export const dummy = (settings: object = {}) => ({ driver: 'dummy', delay: 0, state_file: null, ...settings })

/** A tmpfs where there is one: the store syncs every commit to the disk, which is most of the time of many tests. */
const temporary = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Makes an empty folder, which is removed when the test ends. */
export function makeDirectory (t: Test) {
  const directory = mkdtempSync(path.join(temporary, 'orchestrator-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface BuildOptions {
  clouds?: Record<string, object>
  /** The server's own settings. */
  settings?: { operations?: object, limits?: object, [name: string]: unknown }
  /** A folder in which an earlier server has left its store. */
  directory?: string
  /** Whether requests go over a socket; otherwise they are injected. */
  listen?: boolean
  /** The server's log; silent where not given. */
  logger?: AppOptions['logger']
  /** Time limits of connections. */
  connections?: NonNullable<AppOptions['connections']>
}

/** Asks for events. A stream that begins has no end, and is closed at once. */
async function openStream (app: FastifyInstance, url: string, headers: Record<string, string>) {
  const { statusCode: status, headers: answered, raw, stream } = await app.inject({
    method: 'GET', url, headers, payloadAsStream: true
  })
  const isOpen = answered['content-type'] === 'text/event-stream'
  if (isOpen) raw.res.end()
  return { status, headers: answered as Record<string, string>, text: isOpen ? '' : await text(stream()) }
}

/** A test sends more requests, and more wrong credentials, than a usual caller. */
const highLimits = {
  failures_per_minute: 100_000,
  per_caller: { requests_per_minute: 100_000, cloud_requests_per_minute: 100_000, changes_at_once: 1000 }
}

/**
 * Starts a server that does not listen and is closed when the test ends. Each of its answers is checked against the
 * document.
 */
export async function build (t: Test, options: BuildOptions = {}) {
  const { clouds = { default: dummy() }, settings: own = {}, listen = false, logger = false } = options
  const { connections = {} } = options
  const directory = options.directory ?? makeDirectory(t)
  const file = path.join(directory, 'orchestrator.json')
  // Operations of these clouds end within milliseconds.
  const operations = { poll_ms: 5, ...own.operations }
  const limits = { ...highLimits, ...own.limits }
  const url = databaseOf(directory)
  const store = url === undefined ? {} : { store: { url } }
  writeFileSync(file, JSON.stringify({ ...store, ...own, operations, limits, clouds }))
  const { settings, drivers } = await loadServer({ config: file, env: {}, cwd: directory })
  const app = createApp({ settings, drivers, logger, connections })
  t.teardown(() => app.close())
  await app.ready()
  const origin = listen ? await app.listen({ host: '127.0.0.1', port: 0 }) : ''

  const overSocket: Send = async ({ method, url, headers, payload = null }) => {
    const answer = await request(origin + url, { method, headers, body: payload })
    return {
      status: answer.statusCode,
      headers: answer.headers as Record<string, string>,
      text: await answer.body.text()
    }
  }
  const injected: Send = async ({ method, url, headers, payload }) => {
    if (method === 'GET' && url.startsWith('/api/v2/events')) return openStream(app, url, headers)
    const answer = await app.inject({ method, url, headers, payload })
    return { status: answer.statusCode, headers: answer.headers as Record<string, string>, text: answer.body }
  }
  const api = createApi(listen ? overSocket : injected, sharedDocumentCheck(app))
  return { app, api, directory, origin }
}
