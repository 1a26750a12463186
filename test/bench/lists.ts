import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import { folder, startChild, startServer } from './child.ts'
import { alternate, print, scaled, type Figure } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'
import { startPeer } from './peer.ts'

const rounds = 9
const sizes = [
  { nodes: 2, requests: 4000, atLeast: 7 },
  { nodes: 100, requests: 1500, atLeast: 18 },
  { nodes: 1000, requests: 200, atLeast: 40 }
]

async function measure ({ nodes, requests: all, atLeast }: typeof sizes[number]): Promise<Figure[]> {
  const requests = scaled(all)
  const farm = { clouds: { default: { driver: 'dummy', nodes, page_size: 1000, state_file: null } } }
  const load: Load = {
    path: nodes > 100 ? `/api/v2/clouds/default/nodes?limit=${nodes}` : '/api/v2/clouds/default/nodes',
    requests,
    connections: 32
  }
  const seven = 'id,name,state,cloud,size_id,image_id,created_at'
  const fields: Load = { ...load, path: `${load.path}${nodes > 100 ? '&' : '?'}fields=${seven}` }
  const server = await startServer({ ...farm, log_requests: false })
  const logging = await startServer(farm)
  const uncached = await startServer({
    log_requests: false, clouds: { default: { ...farm.clouds.default, cache_seconds: 0 } }
  })

  const body = await (await request(`${server.address}${load.path}`)).body.text()
  const file = path.join(folder, `body-${nodes}.json`)
  writeFileSync(file, body)
  const raw = await startChild('raw.js', [file])
  const bytes = await startChild('raw.js', [file, 'bytes'])
  const peer = await startPeer(nodes)
  const peerLoad: Load = { path: '/nodes', requests: Math.ceil(requests / 10), connections: 1 }
  // As HTTP clients ask by themselves. The peer does not compress.
  const gzip: Load = { ...load, headers: { 'accept-encoding': 'gzip, deflate' } }

  for (const child of [raw, bytes, server, logging, uncached]) await send(child, { ...load, requests: requests * 2 })
  const cpu = await alternate(rounds, {
    peer: () => cpuPerRequest(peer, peerLoad),
    raw: () => cpuPerRequest(raw, load),
    bytes: () => cpuPerRequest(bytes, load),
    server: () => cpuPerRequest(server, load),
    logging: () => cpuPerRequest(logging, load),
    gzip: () => cpuPerRequest(logging, gzip),
    uncached: () => cpuPerRequest(uncached, load),
    fields: () => cpuPerRequest(uncached, fields)
  })
  for (const child of [raw, bytes, server, logging, uncached, peer]) await child.stop()

  const what = `${nodes} nodes (${Math.round(Buffer.byteLength(body) / 100) / 10} kB)`
  const goals = nodes === 2 ? [{ atMost: 1.7 }, { atMost: 2.3 }] : [{}, {}]
  return [
    { what: `${what}: node:http, JSON.stringify`, value: cpu.raw, unit: 'µs' },
    { what: `${what}: node:http, the same bytes each time`, value: cpu.bytes, unit: 'µs' },
    { what: `${what}: server, no log line`, value: cpu.server, unit: 'µs', ratio: cpu.server / cpu.raw, ...goals[0] },
    { what: `${what}: server, log line`, value: cpu.logging, unit: 'µs', ratio: cpu.logging / cpu.raw, ...goals[1] },
    { what: `${what}: server, nothing kept`, value: cpu.uncached, unit: 'µs', ratio: cpu.uncached / cpu.raw },
    {
      what: `${what}: server, nothing kept, seven fields`,
      value: cpu.fields / 1000,
      unit: 'ms',
      ...(nodes === 1000 && { atMost: 1.5 })
    },
    {
      what: `${what}: Flask, Libcloud, gunicorn: times the server`,
      value: cpu.peer,
      unit: 'µs',
      ratio: cpu.peer / cpu.logging,
      atLeast
    },
    {
      what: `${what}: the same for clients that accept gzip: times the server`,
      value: cpu.gzip,
      unit: 'µs',
      ratio: cpu.peer / cpu.gzip,
      atLeast
    },
    {
      what: `${what}: the same: times node:http with the same bytes each time`,
      value: cpu.peer,
      unit: 'µs',
      ratio: cpu.peer / cpu.bytes
    }
  ]
}

/** Processor time of a list of nodes beside Node's own for the same bytes, and beside the original's stack. */
export async function lists () {
  const figures: Figure[] = []
  for (const size of sizes) figures.push(...await measure(size))
  print('A list of nodes: processor time for each request', figures)
}
