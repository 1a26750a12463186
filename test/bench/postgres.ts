import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, type Cluster } from '../labs/postgres/cluster.ts'
import { startServer, type Child } from './child.ts'
import { alternate, median, print, scaled, type Figure } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const body = JSON.stringify({ name: 'web', image_id: 'img-ubuntu-24-04', size_id: 'dummy.small' })
/** The cloud ends a create at once, so that the life of its operation is a few milliseconds. */
const life: Load = {
  path: '/api/v2/clouds/default/nodes',
  requests: scaled(2000),
  connections: 50,
  status: 200,
  body,
  headers: { prefer: 'wait=30' }
}
const settings = {
  log_requests: false, log_level: 'silent', clouds: { default: { driver: 'dummy', delay: 0, state_file: null } }
}

/** Clock ticks of a second in /proc (sysconf(_SC_CLK_TCK)), which are the same on all Linux machines. */
const ticks = 100

/** Microseconds of processor time of a cluster, with those of its processes that have ended. */
function cpuOf ({ folder }: Cluster): number {
  const postmaster = parseInt(readFileSync(path.join(folder, 'data/postmaster.pid'), 'utf8'))
  const statOf = (pid: number) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ').map(Number)
      return { parent: fields[1]!, used: fields[11]! + fields[12]!, ofEnded: fields[13]! + fields[14]! }
    } catch {
      return undefined
    }
  }
  const used = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).map((pid) => {
    const stat = statOf(pid)
    if (pid === postmaster) return stat!.used + stat!.ofEnded
    return stat?.parent === postmaster ? stat.used : 0
  })
  return used.reduce((sum, one) => sum + one, 0) * 1e6 / ticks
}

const rateOf = async (servers: readonly Child[], load: Load) => {
  const started = performance.now()
  await Promise.all(servers.map((server) => send(server, load)))
  return load.requests * servers.length / (performance.now() - started) * 1000
}

/** Milliseconds from the request of a create until its first event is at a client of another server. */
async function measureEvents (from: Child, to: Child): Promise<number> {
  const ended = new AbortController()
  const { body: stream } = await fetch(`${to.address}/api/v2/events?type=operation.created`, { signal: ended.signal })
  const arrived = new Map<string, number>()
  const reading = (async () => {
    let text = ''
    for await (const chunk of stream!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      for (const [, id = ''] of text.matchAll(/^data: .*?operations\/([0-9a-f-]{36})/gm)) {
        if (!arrived.has(id)) arrived.set(id, performance.now())
      }
      text = text.slice(text.lastIndexOf('\n\n') + 1)
    }
  })().catch(() => { /* the stream was ended here */ })
  await sleep(1000)
  const times: number[] = []
  for (let i = 0; i < 50; i++) {
    const headers = { 'content-type': 'application/json' }
    const sent = performance.now()
    const answer = await fetch(from.address + life.path, { method: 'POST', body, headers })
    const { id } = await answer.json() as { id: string }
    while (!arrived.has(id)) await sleep(1)
    times.push(arrived.get(id)! - sent)
  }
  ended.abort()
  await reading
  return median(times)
}

/** Processor time of a server and PostgreSQL that have nothing to do, as a share of a core in percent. */
async function idle (server: Child, cluster: Cluster) {
  const before = [(await server.usage()).cpu, cpuOf(cluster)] as const
  const seconds = 20
  await sleep(seconds * 1000)
  return {
    server: ((await server.usage()).cpu - before[0]) / 1e4 / seconds,
    database: (cpuOf(cluster) - before[1]) / 1e4 / seconds
  }
}

export async function postgres (folder: string): Promise<void> {
  const endings: (() => unknown)[] = []
  const teardown = (end: () => unknown) => { endings.push(end) }
  const cluster = await startCluster({ teardown } as never, { isOnDisk: true })
  try {
    const url = await cluster.createDatabase()
    const sqlite = await startServer({ ...settings, store: { file: path.join(folder, 'postgres-reference.db') } })
    const first = await startServer({ ...settings, store: { url } })
    for (const server of [sqlite, first]) await send(server, { ...life, requests: 500 })
    const atRest = await idle(first, cluster)
    let ofDatabase: number[] = []
    const cpu = await alternate(3, {
      sqlite: () => cpuPerRequest(sqlite, life),
      postgres: async () => {
        const before = cpuOf(cluster)
        const found = await cpuPerRequest(first, life)
        ofDatabase = [...ofDatabase, (cpuOf(cluster) - before) / life.requests]
        return found
      }
    })
    const rates = { sqlite: await rateOf([sqlite], life), one: await rateOf([first], life) }
    await sqlite.stop()
    const onPostgres = { ...settings, store: { url } }
    const others = [await startServer(onPostgres), await startServer(onPostgres)]
    for (const server of others) await send(server, { ...life, requests: 500 })
    const three = await rateOf([first, ...others], life)
    const delay = await measureEvents(first, others[0]!)
    for (const server of [first, ...others]) await server.stop()
    const figures: Figure[] = [
      { what: "an operation's life on SQLite: processor time", value: cpu.sqlite / 1000, unit: 'ms' },
      {
        what: 'on PostgreSQL, of the server',
        value: cpu.postgres / 1000,
        unit: 'ms',
        ratio: cpu.postgres / cpu.sqlite,
        atMost: 1.5
      },
      { what: 'on PostgreSQL, of PostgreSQL', value: median(ofDatabase) / 1000, unit: 'ms' },
      { what: 'lives of operations, one server on SQLite', value: rates.sqlite, unit: 'requests/s' },
      { what: 'one server on PostgreSQL', value: rates.one, unit: 'requests/s' },
      { what: 'three servers on PostgreSQL', value: three, unit: 'requests/s', ratio: three / rates.one, atLeast: 2.2 },
      {
        what: 'from a request to its first event at a client of another server, median',
        value: delay,
        unit: 'ms',
        atMost: 50
      },
      { what: 'a server at rest: share of a core', value: atRest.server, unit: '%' },
      { what: 'PostgreSQL at rest with one server: share of a core', value: atRest.database, unit: '%' }
    ]
    print('PostgreSQL', figures)
  } finally {
    for (const end of endings) await end()
  }
}
