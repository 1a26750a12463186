import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { importBuilt } from './build.ts'
import { alternate, print } from './figures.ts'
import { createHere, createStall, timed, walk } from './walk.ts'

const nodes = 10_000
const limit = 100

/**
 * 10,000 nodes through the pages of the API, beside the bare pages of the driver over node:http, all in one process.
 */
export async function paging () {
  const { openCall } = await importBuilt<typeof import('../../drivers/call.ts')>('drivers/call.js')
  const app = await createHere('paging', {
    clouds: { default: { driver: 'dummy', state_file: null, nodes, cache_seconds: 0 } }
  })
  const api = `${await app.listen({ host: '127.0.0.1', port: 0 })}/api/v2/clouds/default/nodes?limit=${limit}`
  const service = app.clouds['default']!.nodes!

  const bare = createServer((incoming, outgoing) => {
    const token = new URL(incoming.url!, 'http://bare').searchParams.get('cursor')
    const call = openCall({ timeout: 10_000, log: app.log, requestId: 'bench' })
    service.list({ limit, token, filters: {}, extra: false }, call).then(
      ({ items, next }) =>
        outgoing.setHeader('content-type', 'application/json').end(JSON.stringify({ items, next_cursor: next })),
      (error: Error) => outgoing.destroy(error)
    )
  })
  await once(bare.listen(0, '127.0.0.1'), 'listening')
  const pages = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/?limit=${limit}`

  const whole = async (url: string) => {
    const { ids } = await walk(url)
    if (ids.size !== nodes) throw new Error(`${url} told ${ids.size} nodes`)
  }
  for (const url of [pages, api, pages, api]) await whole(url)
  const stall = createStall()
  const found = await alternate(9, {
    pages: () => timed(() => whole(pages)),
    sorted: () => timed(() => whole(`${api}&sort=-name`)),
    api: () => stall.during(() => timed(() => whole(api)))
  })
  await app.close()
  bare.close()
  bare.closeAllConnections()
  print(`${nodes} nodes through pages of ${limit}`, [
    { what: 'bare pages of the driver over node:http', value: found.pages, unit: 'ms' },
    { what: 'the same through the API', value: found.api, unit: 'ms', ratio: found.api / found.pages, atMost: 1.2 },
    {
      what: 'a sorted walk, against the unsorted one',
      value: found.sorted,
      unit: 'ms',
      ratio: found.sorted / found.api,
      atMost: 1.5
    },
    { what: 'longest stall of the event loop meanwhile', value: stall.longest(), unit: 'ms', atMost: 50 },
    { what: 'memory of this process afterwards', value: process.memoryUsage().rss / 1e6, unit: 'MB' }
  ])
}
