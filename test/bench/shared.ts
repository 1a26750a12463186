import { request } from 'undici'
import { startChild, startServer } from './child.ts'
import { alternate, print, scaled } from './figures.ts'
import { send, type Load } from './load.ts'

const cloudAt = (address: string, settings: object = {}) => ({
  driver: 'openstack',
  auth: { auth_url: `${address}/v3`, username: 'bench', password: 'bench', project_name: 'bench' },
  ...settings
})

const path = '/api/v2/clouds/default/nodes'

/** Equal reads of an OpenStack at the same time, and many different calls in flight to a slow one, both over HTTP. */
export async function shared () {
  const upstream = await startChild('upstream.js', ['50'])
  const server = await startServer({ log_requests: false, clouds: { default: cloudAt(upstream.address) } })
  await send(server, { path, requests: 1, connections: 1 })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const countCalls = async () => Number(await (await request(`${upstream.address}/count`)).body.text())
  const before = await countCalls()
  await send(server, { path, requests: 500, connections: 500 })
  const calls = await countCalls() - before
  const fresh: Load = { path, requests: scaled(20_000), connections: 64 }
  const { rate } = await alternate(3, {
    rate: async () => {
      const started = performance.now()
      await send(server, fresh)
      return fresh.requests / (performance.now() - started) * 1000
    }
  })
  for (const child of [server, upstream]) await child.stop()

  const slow = await startChild('upstream.js', ['200'])
  const flooded = await startServer({
    log_requests: false, clouds: { default: cloudAt(slow.address, { max_in_flight: 1000, cache_seconds: 0 }) }
  })
  const load: Load = { path: `${path}?fields=id,name`, requests: scaled(10_000), connections: 1000 }
  await send(flooded, load)
  const { inFlight } = await alternate(3, {
    inFlight: async () => {
      const started = performance.now()
      await send(flooded, load)
      return load.requests / (performance.now() - started) * 1000
    }
  })
  const { peak } = await flooded.usage()
  for (const child of [flooded, slow]) await child.stop()

  print('Reads of an OpenStack over HTTP', [
    { what: '500 equal lists at once: calls to the cloud', value: calls, unit: 'calls', atMost: 3 },
    { what: 'the same list while it is kept', value: rate, unit: 'requests/s', atLeast: 10_000 },
    { what: '1,000 lists of ids in flight to a cloud of 200 ms', value: inFlight, unit: 'requests/s', atLeast: 3000 },
    { what: 'its memory at the most', value: peak / 1e6, unit: 'MB', atMost: 300 }
  ])
}
