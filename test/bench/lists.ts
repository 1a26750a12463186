import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import { folder, startChild, startServer } from './child.ts'
import { alternate, print, type Figure } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const rounds = 9
const sizes = [{ nodes: 2, requests: 4000 }, { nodes: 100, requests: 1500 }, { nodes: 1000, requests: 200 }]

async function measure ({ nodes, requests }: typeof sizes[number]): Promise<Figure[]> {
  const farm = { clouds: { default: { driver: 'dummy', nodes, page_size: 1000, state_file: null } } }
  const load: Load = {
    path: nodes > 100 ? `/api/v2/clouds/default/nodes?limit=${nodes}` : '/api/v2/clouds/default/nodes',
    requests,
    connections: 32
  }
  const server = await startServer({ ...farm, log_requests: false })
  const logging = await startServer(farm)

  const body = await (await request(`${server.address}${load.path}`)).body.text()
  const file = path.join(folder, `body-${nodes}.json`)
  writeFileSync(file, body)
  const raw = await startChild('raw.js', [file])

  for (const child of [raw, server, logging]) await send(child, { ...load, requests: requests * 2 })
  const cpu = await alternate(rounds, {
    raw: () => cpuPerRequest(raw, load),
    server: () => cpuPerRequest(server, load),
    logging: () => cpuPerRequest(logging, load)
  })
  for (const child of [raw, server, logging]) await child.stop()

  const what = `${nodes} nodes (${Math.round(Buffer.byteLength(body) / 100) / 10} kB)`
  const goals = nodes === 2 ? [{ atMost: 1.7 }, { atMost: 2.8 }] : [{}, {}]
  return [
    { what: `${what}: node:http, JSON.stringify`, value: cpu.raw, unit: 'µs' },
    { what: `${what}: server, no log line`, value: cpu.server, unit: 'µs', ratio: cpu.server / cpu.raw, ...goals[0] },
    { what: `${what}: server, log line`, value: cpu.logging, unit: 'µs', ratio: cpu.logging / cpu.raw, ...goals[1] }
  ]
}

/** Processor time of a list of nodes beside Node's own for the same bytes. */
export async function lists () {
  const figures: Figure[] = []
  for (const size of sizes) figures.push(...await measure(size))
  print('A list of nodes: processor time for each request', figures)
}
