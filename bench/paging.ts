import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { request } from 'undici'
import { createApp } from '../app.ts'
import { loadSettings } from '../config/index.ts'
import { openCall } from '../drivers/call.ts'
import { loadDrivers } from '../drivers/load.ts'
import { folder } from './child.ts'
import { alternate, print } from './figures.ts'

const nodes = 10_000
const limit = 100

interface Page { items: { id: string }[], next_cursor: string | null }

/** Walks through pages as a client does, and resolves to the milliseconds that it took. */
async function walk (url: string) {
  const started = performance.now()
  const ids = new Set<string>()
  let next: string | null = null
  do {
    const cursor: string = next === null ? '' : `&cursor=${next}`
    const { body } = await request(`${url}?limit=${limit}${cursor}`)
    const page = await body.json() as Page
    for (const { id } of page.items) ids.add(id)
    next = page.next_cursor
  } while (next !== null)
  if (ids.size !== nodes) throw new Error(`${url} told ${ids.size} nodes`)
  return performance.now() - started
}

/** 10,000 nodes through the pages of the API, beside the bare pages of the driver over node:http, all in one process. */
export async function paging () {
  const file = path.join(folder, 'paging.json')
  const clouds = { default: { driver: 'dummy', state_file: null, nodes } }
  writeFileSync(file, JSON.stringify({ store: { file: ':memory:' }, clouds }))
  const drivers = await loadDrivers()
  const app = createApp({ settings: loadSettings({ config: file, env: {}, cwd: folder, drivers }), drivers })
  const api = `${await app.listen({ host: '127.0.0.1', port: 0 })}/api/v2/clouds/default/nodes`
  const service = app.clouds['default']!.nodes!

  const bare = createServer((incoming, outgoing) => {
    const token = new URL(incoming.url!, 'http://bare').searchParams.get('cursor')
    const call = openCall({ timeout: 10_000, log: app.log, requestId: 'bench' })
    service.list({ limit, token, filters: {}, extra: false }, call).then(
      ({ items, next }) => outgoing.setHeader('content-type', 'application/json').end(JSON.stringify({ items, next_cursor: next })),
      (error: Error) => outgoing.destroy(error)
    )
  })
  await once(bare.listen(0, '127.0.0.1'), 'listening')
  const pages = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`

  for (const url of [pages, api, pages, api]) await walk(url)
  let stall = 0
  const found = await alternate(9, {
    pages: () => walk(pages),
    async api () {
      // A new one each time: one that is enabled again counts the time it was not.
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const took = await walk(api)
      delay.disable()
      stall = Math.max(stall, delay.max / 1e6)
      return took
    }
  })
  await app.close()
  bare.close()
  bare.closeAllConnections()
  print(`${nodes} nodes through pages of ${limit}`, [
    { what: 'bare pages of the driver over node:http', value: found.pages, unit: 'ms' },
    { what: 'the same through the API', value: found.api, unit: 'ms', ratio: found.api / found.pages, atMost: 1.2 },
    { what: 'longest stall of the event loop meanwhile', value: stall, unit: 'ms', atMost: 50 },
    { what: 'memory of this process afterwards', value: process.memoryUsage().rss / 1e6, unit: 'MB' }
  ])
}
