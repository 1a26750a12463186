import { request } from 'undici'
import { startServer, type Child } from './child.ts'
import { isQuick, median, print } from './figures.ts'
import { send, type Load } from './load.ts'

const rounds = isQuick ? 3 : 7

/**
 * Milliseconds that the event loop stood still at the longest during a request, the median of some rounds; NaN if this
 * build answers with another status.
 */
async function stallOf (server: Child, load: Load): Promise<number> {
  const { statusCode, body } = await request(server.address + load.path)
  await body.dump({ limit: Infinity })
  if (statusCode !== (load.status ?? 200)) return NaN
  await send(server, load)
  const stalls: number[] = []
  for (let i = 0; i < rounds; i++) {
    await server.watch()
    await send(server, load)
    stalls.push((await server.usage()).stall)
  }
  return median(stalls)
}

const farm = (clouds: number, nodes: number) => ({
  log_requests: false,
  log_level: 'silent',
  clouds: Object.fromEntries(Array.from({ length: clouds }, (_, i) =>
    [`cloud-${i}`, { driver: 'dummy', nodes, page_size: 1000, state_file: null, cache_seconds: 0 }]))
})

/** The longest stall of the event loop in single large requests, none of which is answered from memory. */
export async function stalls () {
  const refused = await startServer(farm(20, 5000))
  const tooMany = await stallOf(refused, { path: '/api/v2/nodes?sort=name', requests: 1, connections: 1, status: 422 })
  await refused.stop()

  const sorting = await startServer(farm(20, 500))
  const sorted = await stallOf(sorting, { path: '/api/v2/nodes?sort=name&limit=100', requests: 1, connections: 1 })
  await sorting.stop()

  const paging = await startServer(farm(1, 10_000))
  const page = await stallOf(paging, {
    path: '/api/v2/clouds/cloud-0/nodes?limit=1000', requests: 8, connections: 4
  })
  await paging.stop()

  print('The longest stall of the event loop', [
    { what: 'sorting 20 clouds of 5,000 nodes, which are too many', value: tooMany, unit: 'ms', atMost: 50 },
    { what: 'sorting 20 clouds of 500 nodes', value: sorted, unit: 'ms', atMost: 50 },
    { what: 'pages of 1,000 nodes for four callers', value: page, unit: 'ms', atMost: 50 }
  ])
}
