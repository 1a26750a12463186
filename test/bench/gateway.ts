import { startChild, startServer } from './child.ts'
import { alternate, median, print } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const path = '/api/v2/clouds/default/nodes'
const busy: Load = { path, requests: 600, connections: 16 }
const alone: Load = { path, requests: 200, connections: 1 }

/**
 * Measures the overhead of the server on a call, compared with a bare proxy that makes the same calls to the same
 * cloud.
 */
export async function gateway () {
  const upstream = await startChild('upstream.js')
  const proxy = await startChild('proxy.js', [upstream.address])
  const server = await startServer({
    log_requests: false,
    clouds: {
      default: {
        driver: 'openstack',
        max_in_flight: 64,
        cache_seconds: 0,
        auth: { auth_url: `${upstream.address}/v3`, username: 'bench', password: 'bench', project_name: 'bench' }
      }
    }
  })

  for (const child of [proxy, server]) await send(child, { ...busy, requests: 3000 })
  const cpu = await alternate(9, { proxy: () => cpuPerRequest(proxy, busy), server: () => cpuPerRequest(server, busy) })
  const ms = await alternate(9, {
    proxy: async () => median(await send(proxy, alone)), server: async () => median(await send(server, alone))
  })
  for (const child of [server, proxy, upstream]) await child.stop()

  print('A list of ten servers of OpenStack: two calls of the cloud for each request', [
    { what: 'bare proxy: node:http, undici, JSON', value: cpu.proxy, unit: 'µs' },
    { what: 'server', value: cpu.server, unit: 'µs', ratio: cpu.server / cpu.proxy, atMost: 2 },
    { what: 'added to the processor time', value: cpu.server - cpu.proxy, unit: 'µs' },
    { what: 'the same for each of the two calls', value: (cpu.server - cpu.proxy) / 2, unit: 'µs', atMost: 150 },
    { what: 'bare proxy, one caller: median', value: ms.proxy, unit: 'ms' },
    { what: 'server, one caller: median', value: ms.server, unit: 'ms' },
    { what: 'added to the median', value: ms.server - ms.proxy, unit: 'ms', atMost: 2 }
  ])
}
