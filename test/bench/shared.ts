import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import { folder, startChild, startServer, type Child } from './child.ts'
import { alternate, print, scaled, type Figure } from './figures.ts'
import { send, type Load } from './load.ts'

const cloudAt = (address: string, settings: object = {}) => ({
  driver: 'openstack',
  auth: { auth_url: `${address}/v3`, username: 'bench', password: 'bench', project_name: 'bench' },
  ...settings
})

const nodes = '/api/v2/clouds/default/nodes'

/** Requests a second. */
async function rateOf (child: Child, load: Load): Promise<number> {
  const started = performance.now()
  await send(child, load)
  return load.requests / (performance.now() - started) * 1000
}

/** Equal reads, at once and while they are kept. The reference writes the same bytes with node:http. */
async function equal (): Promise<Figure[]> {
  const upstream = await startChild('upstream.js', ['50'])
  const server = await startServer({ log_requests: false, clouds: { default: cloudAt(upstream.address) } })
  const countCalls = async () => Number(await (await request(`${upstream.address}/count`)).body.text())
  const file = path.join(folder, 'kept.json')
  writeFileSync(file, await (await request(server.address + nodes)).body.text())
  const raw = await startChild('raw.js', [file, 'bytes'])
  // Until the answer is no longer kept.
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const before = await countCalls()
  await send(server, { path: nodes, requests: 500, connections: 500 })
  const calls = await countCalls() - before
  const load: Load = { path: nodes, requests: scaled(20_000), connections: 64 }
  for (const child of [raw, server]) await send(child, load)
  const rate = await alternate(3, { raw: () => rateOf(raw, load), server: () => rateOf(server, load) })
  for (const child of [server, raw, upstream]) await child.stop()
  return [
    { what: '500 equal lists at once: calls to the cloud', value: calls, unit: 'calls', atMost: 3 },
    { what: 'the same list while it is kept', value: rate.server, unit: 'requests/s', atLeast: 10_000 },
    { what: 'the same bytes by node:http', value: rate.raw, unit: 'requests/s' }
  ]
}

/** Calls in flight to a slow cloud. The reference is a bare proxy, with the same sender and the same cloud. */
async function slow (): Promise<Figure[]> {
  const upstream = await startChild('upstream.js', ['200'])
  const proxy = await startChild('proxy.js', [upstream.address, '1000'])
  const server = await startServer({
    log_requests: false, clouds: { default: cloudAt(upstream.address, { max_in_flight: 1000, cache_seconds: 0 }) }
  })
  const load: Load = { path: `${nodes}?fields=id,name`, requests: scaled(10_000), connections: 1000 }
  const bare = { ...load, path: '/names' }
  await send(server, load)
  await send(proxy, bare)
  const rate = await alternate(3, { proxy: () => rateOf(proxy, bare), server: () => rateOf(server, load) })
  const [used, bareUsed] = [await server.usage(), await proxy.usage()]
  for (const child of [server, proxy, upstream]) await child.stop()
  return [
    {
      what: '1,000 lists of ids in flight to a cloud of 200 ms', value: rate.server, unit: 'requests/s', atLeast: 3000
    },
    { what: 'the same through a bare proxy', value: rate.proxy, unit: 'requests/s' },
    { what: 'its memory at the most', value: used.peak / 1e6, unit: 'MB', atMost: 300 },
    { what: 'memory of the bare proxy at the most', value: bareUsed.peak / 1e6, unit: 'MB' }
  ]
}

/** Equal reads of an OpenStack at the same time, and many different calls in flight to a slow one, both over HTTP. */
export async function shared () {
  print('Reads of an OpenStack over HTTP', [...await equal(), ...await slow()])
}
