import { startServer } from './child.ts'
import { alternate, median, percentile, print, type Figure } from './figures.ts'
import { send } from './load.ts'

const cloud = (settings: object = {}) => ({
  driver: 'dummy', nodes: 2, state_file: null, cache_seconds: 0, ...settings
})

const farm = (names: readonly string[], settings: object) =>
  Object.fromEntries(names.map((name) => [name, cloud(settings)]))

/** One list over so many clouds of 50 ms each, beside the list of one of them. */
async function together (count: number): Promise<Figure> {
  const names = Array.from({ length: count }, (_, i) => i === 0 ? 'default' : `cloud-${i}`)
  const server = await startServer({ log_requests: false, clouds: farm(names, { latency: 0.05 }) })
  const time = async (path: string) => median(await send(server, { path, requests: 10, connections: 1 }))
  await time('/api/v2/nodes')
  const { one, all } = await alternate(5, {
    one: () => time('/api/v2/clouds/default/nodes'),
    all: () => time('/api/v2/nodes')
  })
  await server.stop()
  return {
    what: `list over ${count} clouds of 50 ms, against one of them`,
    value: all,
    unit: 'ms',
    ratio: all / one,
    atMost: 1.1
  }
}

/**
 * The other clouds while a hundred callers wait for one that never answers, of whom one gives up every ten
 * milliseconds.
 */
async function hanging (): Promise<Figure[]> {
  const deadline = 1
  const server = await startServer({
    log_requests: false,
    log_level: 'silent',
    clouds: {
      ...farm(['default'], { latency: 0.05 }),
      hung: cloud({ timeout: deadline, faults: [{ on: 'nodes.list', kind: 'hang' }] })
    }
  })
  const others = async () =>
    percentile(await send(server, { path: '/api/v2/clouds/default/nodes', requests: 600, connections: 20 }), 0.99)
  const waiting = () =>
    send(server, {
      path: '/api/v2/clouds/hung/nodes',
      requests: 200,
      connections: 100,
      spread: deadline * 1000,
      status: 504
    })
  await others()

  const late: number[] = []
  const { before, during } = await alternate(7, {
    before: others,
    during: async () => {
      const [p99, waited] = await Promise.all([others(), waiting()])
      late.push(...waited.map((ms) => ms - deadline * 1000))
      return p99
    }
  })
  await server.stop()
  return [
    { what: 'p99 of another cloud of 50 ms', value: before, unit: 'ms' },
    {
      what: 'the same while 100 callers wait for a hung cloud',
      value: during,
      unit: 'ms',
      ratio: during / before,
      atMost: 1.2
    },
    {
      what: 'a caller of the hung cloud hears after its deadline, at the latest',
      value: Math.max(...late),
      unit: 'ms',
      atMost: 100
    },
    { what: 'the same, median', value: median(late), unit: 'ms' }
  ]
}

/** Many clouds, and a cloud that hangs. */
export async function clouds () {
  print('Clouds at once', [await together(10), await together(50), await together(100)])
  print('One cloud hangs', await hanging())
}
