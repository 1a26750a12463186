import path from 'node:path'
import { startServer, type Child } from './child.ts'
import { alternate, isQuick, percentile, print, scaled, type Figure } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const body = JSON.stringify({ name: 'web', image_id: 'img-ubuntu-24-04', size_id: 'dummy.small' })
const create: Load = {
  path: '/api/v2/clouds/default/nodes', requests: 200, connections: 1, status: 202, body
}

let files = 0

/** A dummy cloud as shipped, with a state file. */
const cloud = (folder: string, settings: object = {}) => ({
  driver: 'dummy', delay: 1, state_file: path.join(folder, `cloud-${++files}.json`), ...settings
})

const rateOf = async (server: Child, load: Load) => {
  const started = performance.now()
  await send(server, load)
  return load.requests / (performance.now() - started) * 1000
}

async function creates (folder: string): Promise<Figure[]> {
  const server = await startServer({ log_requests: false, log_level: 'silent', clouds: { default: cloud(folder) } })
  await send(server, create)
  const one = { ...create, requests: scaled(400) }
  const many = { ...create, requests: scaled(4000), connections: 50 }
  await server.watch()
  const found = await alternate(3, {
    cpu: () => cpuPerRequest(server, one),
    rate: () => rateOf(server, many)
  })
  const { stall } = await server.usage()
  await server.stop()
  return [
    { what: 'a create, 1 client: processor time', value: found.cpu / 1000, unit: 'ms', atMost: 1.5 },
    { what: 'creates, 50 clients', value: found.rate, unit: 'requests/s', atLeast: 1500 },
    { what: 'longest stall of the event loop meanwhile', value: stall, unit: 'ms', atMost: 5 }
  ]
}

async function beside (folder: string): Promise<Figure> {
  const server = await startServer({
    log_requests: false,
    log_level: 'silent',
    clouds: { default: cloud(folder), other: { driver: 'dummy', nodes: 20, state_file: null } }
  })
  const reads: Load = { path: '/api/v2/clouds/other/nodes', requests: scaled(2000), connections: 4 }
  const p99 = async () => percentile(await send(server, reads), 0.99)
  await p99()
  const load = { isOn: false }
  const { before, during } = await alternate(5, {
    before: p99,
    during: async () => {
      load.isOn = true
      const changing = (async () => {
        while (load.isOn) await send(server, { ...create, requests: 100, connections: 100, spread: 1000 })
      })()
      const result = await p99()
      load.isOn = false
      await changing
      return result
    }
  })
  await server.stop()
  return {
    what: 'p99 of reads of another cloud beside 100 creates a second, against none',
    value: during,
    unit: 'ms',
    ratio: during / before,
    atMost: 1.2
  }
}

async function large (folder: string): Promise<Figure> {
  const start = (nodes: number) => startServer({
    log_requests: false, log_level: 'silent', clouds: { default: cloud(folder, { nodes }) }
  })
  const [small, big] = [await start(10), await start(50_000)]
  for (const server of [small, big]) await send(server, { ...create, requests: 20 })
  const load = { ...create, requests: scaled(200) }
  const cpu = await alternate(5, { small: () => cpuPerRequest(small, load), big: () => cpuPerRequest(big, load) })
  for (const server of [small, big]) await server.stop()
  return {
    what: 'a create with 50,000 nodes in the state file, against 10',
    value: cpu.big / 1000,
    unit: 'ms',
    ratio: cpu.big / cpu.small,
    atMost: 1.2
  }
}

/** Operations that wait for their clouds. */
async function waiting (): Promise<Figure[]> {
  const clouds = isQuick ? 10 : 100
  const names = Array.from({ length: clouds }, (_, i) => i === 0 ? 'default' : `cloud-${i}`)
  const server = await startServer({
    log_requests: false,
    log_level: 'silent',
    clouds: Object.fromEntries(names.map((name) =>
      [name, { driver: 'dummy', state_file: null, delays: { create: 1e6 }, timeout: 30 }]))
  })
  for (const name of names) {
    await send(server, { ...create, path: `/api/v2/clouds/${name}/nodes`, requests: 100, connections: 20 })
  }
  // Operations are looked at more rarely the older they are.
  await new Promise((resolve) => setTimeout(resolve, isQuick ? 5000 : 45_000))
  const seconds = isQuick ? 5 : 20
  const before = await server.usage()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const after = await server.usage()
  // Apart from that, since the watch takes processor time itself.
  await server.watch()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const { stall } = await server.usage()
  await server.stop()
  return [
    {
      what: `${clouds * 100} operations wait on ${clouds} clouds: share of a core`,
      value: (after.cpu - before.cpu) / 1e6 / seconds * 100,
      unit: '%',
      atMost: 5
    },
    { what: 'longest stall of the event loop meanwhile', value: stall, unit: 'ms', atMost: 50 }
  ]
}

/** Creates on the dummy cloud as it is shipped. */
export async function changes (folder: string) {
  print('Changes', [...await creates(folder), await beside(folder), await large(folder), ...await waiting()])
}
