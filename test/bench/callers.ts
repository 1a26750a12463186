import path from 'node:path'
import { localCaller, toCallerRef } from '../../plugins/auth/caller.ts'
import { createKeys } from '../../plugins/auth/keys.ts'
import { openStore } from '../../plugins/store/open.ts'
import { folder, startServer } from './child.ts'
import { alternate, print, scaled } from './figures.ts'
import { cpuPerRequest, send, type Load } from './load.ts'

const rounds = 9

/** Makes a store with one key. */
async function makeStore () {
  const file = path.join(folder, 'callers.db')
  const store = await openStore({ file })
  const grants = [{ clouds: ['*'], level: 'read' as const }]
  const { secrets } = await createKeys(store).create({ name: 'bench', grants }, toCallerRef(localCaller))
  await store.destroy()
  return { file, key: secrets!['key']! }
}

/** Processor time of a small list with callers, limits, audit and metrics, beside that without. */
export async function callers () {
  const { file, key } = await makeStore()
  const clouds = { default: { driver: 'dummy', nodes: 2, state_file: null } }
  const max = 1_000_000_000
  const limits = { per_caller: { requests_per_minute: max, cloud_requests_per_minute: max } }
  const plain = await startServer({ log_requests: false, clouds })
  const full = await startServer({
    log_requests: false, clouds, limits, auth: {}, audit: {}, metrics: { port: 0 }, store: { file }
  })
  const load: Load = { path: '/api/v2/clouds/default/nodes', requests: scaled(4000), connections: 32 }
  const known: Load = { ...load, headers: { authorization: `Bearer ${key}` } }
  await send(plain, { ...load, requests: load.requests * 2 })
  await send(full, { ...known, requests: load.requests * 2 })
  const cpu = await alternate(rounds, {
    plain: () => cpuPerRequest(plain, load),
    full: () => cpuPerRequest(full, known)
  })
  for (const server of [plain, full]) await server.stop()
  print('A list of 2 nodes: processor time for each request', [
    { what: 'without callers', value: cpu.plain, unit: 'µs' },
    {
      what: 'with callers, limits, audit, metrics',
      value: cpu.full,
      unit: 'µs',
      ratio: cpu.full / cpu.plain,
      atMost: 1.35
    }
  ])
}
