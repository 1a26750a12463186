import { request } from 'undici'
import { startCluster } from '../labs/postgres/cluster.ts'
import { startServer, type Child } from './child.ts'
import { alternate, percentile, print, scaled, type Figure } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const body = JSON.stringify({ name: 'web', image_id: 'img-ubuntu-24-04', size_id: 'dummy.small' })
const create: Load = {
  path: '/api/v2/clouds/default/nodes', requests: 200, connections: 1, status: 202, body
}
/** A cloud whose nodes are there at once, so that an operation costs its steps in the store only. */
const settings = {
  log_requests: false,
  log_level: 'silent',
  clouds: { default: { driver: 'dummy', delay: 0, state_file: null } }
}

/** The life of an operation on both databases: a create, its answer, its end. */
async function life (url: string): Promise<Figure[]> {
  const sqlite = await startServer(settings)
  const postgres = await startServer({ ...settings, store: { url } })
  for (const server of [sqlite, postgres]) await send(server, create)
  const one = { ...create, requests: scaled(800) }
  const many = { ...create, requests: scaled(4000), connections: 50 }
  const cpu = await alternate(5, {
    sqlite: () => cpuPerRequest(sqlite, one),
    postgres: () => cpuPerRequest(postgres, one),
    sqliteMany: () => cpuPerRequest(sqlite, many),
    postgresMany: () => cpuPerRequest(postgres, many)
  })
  await Promise.all([sqlite.stop(), postgres.stop()])
  return [
    { what: 'an operation on SQLite, 1 client', value: cpu.sqlite / 1000, unit: 'ms CPU' },
    {
      what: 'an operation on PostgreSQL, 1 client, against SQLite',
      value: cpu.postgres / 1000,
      unit: 'ms CPU',
      ratio: cpu.postgres / cpu.sqlite,
      atMost: 1.5
    },
    {
      what: 'an operation on PostgreSQL, 50 clients, against SQLite',
      value: cpu.postgresMany / 1000,
      unit: 'ms CPU',
      ratio: cpu.postgresMany / cpu.sqliteMany,
      atMost: 1.5
    }
  ]
}

const rateOf = async (servers: readonly Child[]) => {
  const requests = scaled(3000)
  const load = { ...create, requests: requests / servers.length, connections: 50 / servers.length }
  const started = performance.now()
  await Promise.all(servers.map((server) => send(server, load)))
  return requests / (performance.now() - started) * 1000
}

/** The creates of three servers against those of one. The sender and PostgreSQL use the same cores. */
async function scale (url: string): Promise<Figure> {
  const servers = await Promise.all([1, 2, 3].map(() => startServer({ ...settings, store: { url } })))
  for (const server of servers) await send(server, create)
  const rate = await alternate(3, {
    one: () => rateOf(servers.slice(0, 1)),
    three: () => rateOf(servers)
  })
  await Promise.all(servers.map((server) => server.stop()))
  return {
    what: 'creates of three servers, 50 clients, against one',
    value: rate.three,
    unit: 'requests/s',
    ratio: rate.three / rate.one,
    atLeast: 2.2
  }
}

/** Opens a stream of events. Calls the listener with the resource of each `operation.created`. */
async function follow (server: Child, onCreated: (resource: string) => void) {
  const { body: stream } = await request(`${server.address}/api/v2/events?type=operation.created`, {
    headers: { accept: 'text/event-stream' }, bodyTimeout: 0
  })
  let text = ''
  stream.on('error', () => { /* the server has ended */ })
  stream.on('data', (chunk) => {
    text += String(chunk)
    const parts = text.split('\n\n')
    text = parts.pop()!
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1]
      if (data !== undefined) onCreated((JSON.parse(data) as { resource: string }).resource)
    }
  })
  return () => stream.destroy()
}

/** From the moment in which a request is sent to one server until its event is at a client of another. */
async function latency (url: string): Promise<Figure> {
  const [one, two] = await Promise.all([1, 2].map(() => startServer({ ...settings, store: { url } })))
  await send(one!, create)
  const arrivals = new Map<string, number>()
  const close = await follow(two!, (resource) => arrivals.set(resource, performance.now()))
  const times: number[] = []
  for (let i = 0; i < scaled(200); i++) {
    const sent = performance.now()
    const { body: answer } = await request(one!.address + create.path, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body
    })
    const { self } = await answer.json() as { self: string }
    while (!arrivals.has(self)) await new Promise((resolve) => setTimeout(resolve, 1))
    times.push(arrivals.get(self)! - sent)
  }
  close()
  await Promise.all([one!.stop(), two!.stop()])
  return {
    what: 'an event at a client of another server, from the request on, median',
    value: percentile(times, 0.5),
    unit: 'ms',
    atMost: 50
  }
}

/** Several servers on one PostgreSQL, which this machine runs too. Needs Debian's package `postgresql`. */
export async function servers () {
  const endings: (() => unknown)[] = []
  const cluster = await startCluster({ teardown: (end: () => unknown) => endings.push(end) } as never)
  const newUrl = () => cluster.createDatabase()
  print('Several servers on PostgreSQL', [
    ...await life(await newUrl()), await scale(await newUrl()), await latency(await newUrl())
  ])
  for (const end of endings) await end()
}
