import path from 'node:path'
import type { Profiler } from 'node:inspector'
import { startChild, startServer, type Child } from './child.ts'
import { scaled } from './figures.ts'
import { send, type Load } from './load.ts'

/** The place of a function: its package, its file of this project, or the part of Node.js. */
function placeOf ({ url, functionName }: Profiler.ProfileNode['callFrame']): string {
  if (url === '') return functionName === '' ? '(native code)' : functionName
  const [, packaged] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (packaged !== undefined) return packaged
  return url.startsWith('node:') ? url : url.replace(/^.*\/dist\//, '')
}

/** The largest parts of the time in which the main thread worked, by place. */
function sharesOf ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): [place: string, share: number][] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const times = new Map<string, number>()
  samples.forEach((id, i) => {
    const place = places.get(id)!
    if (place !== '(idle)') times.set(place, (times.get(place) ?? 0) + timeDeltas[i]!)
  })
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times].map(([place, time]): [string, number] => [place, time / all]).sort((a, b) => b[1] - a[1])
}

async function profile (title: string, server: Child, load: Load) {
  await send(server, load)
  const shares = sharesOf(await server.profile(() => send(server, load)))
  const rows = shares.slice(0, 10).map(([place, share]) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${place}\n`)
  process.stdout.write(`\n${title}: the ten largest shares of the main thread\n${rows.join('')}`)
}

/** Profiles the four hot paths. */
export async function profiles (folder: string) {
  const quiet = { log_requests: false, log_level: 'silent' }
  const nodes = '/api/v2/clouds/default/nodes'

  const lists = await startServer({ clouds: { default: { driver: 'dummy', nodes: 2, state_file: null } } })
  await profile('A list of 2 nodes, with the log line', lists, {
    path: nodes, requests: scaled(40_000), connections: 32
  })
  await lists.stop()

  const big = await startServer({
    ...quiet, clouds: { default: { driver: 'dummy', nodes: 1000, page_size: 1000, state_file: null, cache_seconds: 0 } }
  })
  await profile('A list of 1,000 nodes, nothing kept', big, {
    path: `${nodes}?limit=1000`, requests: scaled(1000), connections: 8
  })
  await big.stop()

  const changes = await startServer({
    ...quiet, clouds: { default: { driver: 'dummy', delay: 1, state_file: path.join(folder, 'profile.json') } }
  })
  await profile('A create on the dummy cloud, 50 clients', changes, {
    path: nodes,
    requests: scaled(4000),
    connections: 50,
    status: 202,
    body: JSON.stringify({ name: 'web', image_id: 'img-ubuntu-24-04', size_id: 'dummy.small' })
  })
  await changes.stop()

  const upstream = await startChild('upstream.js')
  const auth = { auth_url: `${upstream.address}/v3`, username: 'bench', password: 'bench', project_name: 'bench' }
  const gateway = await startServer({
    ...quiet, clouds: { default: { driver: 'openstack', max_in_flight: 64, cache_seconds: 0, auth } }
  })
  await profile('A list of ten servers of an OpenStack over HTTP, nothing kept', gateway, {
    path: nodes, requests: scaled(6000), connections: 16
  })
  for (const child of [gateway, upstream]) await child.stop()
}
