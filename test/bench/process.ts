import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { installed, python } from '../labs/libcloud/installed.ts'
import { startNova } from '../labs/libcloud/nova.ts'
import { findBridges, processorTimeOf } from '../labs/libcloud/processes.ts'
import { root } from '../helper/app.ts'
import { startServer } from './child.ts'
import { alternate, median, percentile, print, scaled } from './figures.ts'
import { createHere, timed, walk } from './walk.ts'

/** Starts a Python that calls Libcloud itself. */
function startBare (provider: string, args: object) {
  const child = spawn(python, [path.join(root, 'test/bench/libcloud/bare.py'), provider, JSON.stringify(args)], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  process.on('exit', () => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  return {
    pid: child.pid!,
    /** Milliseconds of one call within Python. */
    async call (nodes: number): Promise<number> {
      child.stdin.write('\n')
      const [line] = await once(lines, 'line')
      const answer = JSON.parse(String(line)) as { ms: number, nodes: number }
      if (answer.nodes !== nodes) throw new Error(`Libcloud listed ${answer.nodes} nodes, not ${nodes}`)
      return answer.ms
    },
    async stop () {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    }
  }
}

const calls = 500
const rounds = 9

/** A call of Libcloud's DUMMY, which costs nothing itself, on the connection of the driver. */
async function oneCall () {
  const app = await createHere('process', {
    health_seconds: 3600, clouds: { default: { ...installed, provider: 'dummy', key: 'creds', start_seconds: 60 } }
  })
  const bare = startBare('dummy', { creds: 'creds' })
  const list = async () => {
    const { items } = await app.clouds['default']!.nodes!.list({ limit: 100, token: null, filters: {}, extra: false })
    if (items.length !== 2) throw new Error(`${items.length} nodes instead of 2`)
  }
  try {
    await app.ready()
    // The first request starts the process.
    await app.inject('/api/v2/clouds/default/nodes')
    for (let i = 0; i < calls; i++) await list()
    for (let i = 0; i < calls; i++) await bare.call(2)
    const times: number[] = []
    const found = await alternate(rounds, {
      bare: async () => {
        const some: number[] = []
        for (let i = 0; i < scaled(calls); i++) some.push(await bare.call(2))
        return median(some)
      },
      call: async () => {
        const some: number[] = []
        for (let i = 0; i < scaled(calls); i++) some.push(await timed(list))
        times.push(...some)
        return median(some)
      },
      cpu: async () => {
        const before = process.cpuUsage()
        for (let i = 0; i < scaled(calls); i++) await list()
        const { user, system } = process.cpuUsage(before)
        return (user + system) / scaled(calls)
      }
    })
    print("A call of Libcloud's DUMMY through the process of the driver: a list of two nodes", [
      { what: 'the bare call in Python: median', value: found.bare, unit: 'ms' },
      { what: 'the same through the process: median', value: found.call, unit: 'ms' },
      { what: 'added to the median', value: found.call - found.bare, unit: 'ms', atMost: 1 },
      { what: 'the same through the process: 99th percentile', value: percentile(times, 0.99), unit: 'ms' },
      { what: "the server's processor time of a call", value: found.cpu, unit: 'µs', atMost: 300 }
    ])
  } finally {
    await app.close()
    await bare.stop()
  }
}

const total = 1000
/** Lists of one measurement of processor time, whose unit is 10 ms. */
const cpuLists = 5

/** Milliseconds of processor time of another process for one of several runs. */
async function cpuOf (pid: number, run: () => Promise<unknown>) {
  const before = processorTimeOf(pid)
  for (let i = 0; i < cpuLists; i++) await run()
  return (processorTimeOf(pid) - before) / cpuLists
}

/** A list of a thousand servers of a small Nova through the API. */
async function longList () {
  const teardowns: (() => unknown)[] = []
  const nova = await startNova({ teardown: (run) => { teardowns.push(run) } }, total)
  const cloud = nova.cloud({ start_seconds: 60 }) as { key: string, secret: string, arguments: object }
  const bare = startBare('openstack', { key: cloud.key, secret: cloud.secret, ...cloud.arguments })
  const server = await startServer({ log_requests: false, health_seconds: 3600, clouds: { default: cloud } })
  const list = async () => {
    const { ids } = await walk(`${server.address}/api/v2/clouds/default/nodes?limit=${total}`)
    if (ids.size !== total) throw new Error(`${ids.size} nodes instead of ${total}`)
  }
  try {
    for (let i = 0; i < 3; i++) await list()
    for (let i = 0; i < 3; i++) await bare.call(total)
    const [bridge] = findBridges()
    await server.watch()
    const found = await alternate(9, {
      bare: () => bare.call(total),
      list: () => timed(list),
      // The times above depend on what else the machine does; these do not.
      bareCpu: () => cpuOf(bare.pid, () => bare.call(total)),
      bridgeCpu: () => cpuOf(bridge!, list),
      serverCpu: async () => {
        const { cpu } = await server.usage()
        for (let i = 0; i < cpuLists; i++) await list()
        return ((await server.usage()).cpu - cpu) / cpuLists / 1000
      }
    })
    const usage = await server.usage()
    print('A list of 1,000 nodes through the process of the driver', [
      { what: "Libcloud's own time: list_nodes in Python", value: found.bare, unit: 'ms' },
      { what: 'the same through the API, all pages', value: found.list, unit: 'ms' },
      { what: 'added', value: found.list - found.bare, unit: 'ms', atMost: 60 },
      { what: "Libcloud's own processor time", value: found.bareCpu, unit: 'ms' },
      { what: 'processor time of the process of the driver', value: found.bridgeCpu, unit: 'ms' },
      { what: 'processor time of the server', value: found.serverCpu, unit: 'ms' },
      {
        what: 'added to the processor time of both',
        value: found.bridgeCpu - found.bareCpu + found.serverCpu,
        unit: 'ms'
      },
      { what: 'longest stall of the event loop meanwhile', value: usage.stall, unit: 'ms', atMost: 50 }
    ])
  } finally {
    await server.stop()
    await bare.stop()
    for (const run of teardowns) await run()
  }
}

/** Measures the time that a driver in a process adds to a call. Needs Libcloud: bash test/labs/libcloud/install. */
export async function processes () {
  await oneCall()
  await longList()
}
