import path from 'node:path'
import Fastify from 'fastify'
import { Agent } from 'undici'
import { localCaller, toCallerRef } from '../../plugins/auth/caller.ts'
import { createKeyCheck } from '../../plugins/auth/key-check.ts'
import { createKeys } from '../../plugins/auth/keys.ts'
import { openStore } from '../../plugins/store/open.ts'
import { folder, startServer } from './child.ts'
import { alternate, median, percentile, print, scaled, type Figure } from './figures.ts'

/** Keys that are used in turn. */
const used = 10
const counts = [10, 10_000]

/** Makes a store with so many keys. Returns some of them, from its whole range. */
async function makeStore (count: number) {
  const file = path.join(folder, `keys-${count}.db`)
  const store = await openStore({ file })
  const keys = createKeys(store)
  const made: string[] = []
  for (let i = 0; i < count; i++) {
    const input = { name: `key-${i}`, grants: [{ clouds: ['*'], level: 'read' as const }] }
    const { secrets } = await keys.create(input, toCallerRef(localCaller))
    if (i % (count / used) === 0) made.push(secrets!['key']!)
  }
  return { file, store, made }
}

/** Milliseconds of each request, one after the other, with the keys in turn. */
async function request (address: string, keys: readonly string[], requests: number) {
  const dispatcher = new Agent({ connections: 1 })
  const times: number[] = []
  for (let i = 0; i < requests; i++) {
    const started = performance.now()
    const { statusCode, body } = await dispatcher.request({
      origin: address, path: '/api/v2/me', method: 'GET', headers: { authorization: `Bearer ${keys[i % keys.length]}` }
    })
    await body.arrayBuffer()
    if (statusCode !== 200) throw new Error(`GET /api/v2/me answered ${statusCode}`)
    times.push(performance.now() - started)
  }
  await dispatcher.close()
  return times
}

/** The look-up of a key in stores with few and many keys. */
export async function keys () {
  const [few, many] = [await makeStore(counts[0]!), await makeStore(counts[1]!)]
  const { log } = Fastify({ logger: false })
  const rounds = scaled(200)
  /** A check that knows no key yet looks into the store. */
  const lookUp = ({ store, made }: typeof few) => async () => {
    const times: number[] = []
    for (let i = 0; i < rounds; i++) {
      const { find } = createKeyCheck(store, log)
      const started = performance.now()
      await find(made[i % made.length]!)
      times.push(performance.now() - started)
    }
    return median(times) * 1000
  }
  const first = await alternate(9, { few: lookUp(few), many: lookUp(many) })
  for (const { store } of [few, many]) await store.destroy()

  const limits = { per_caller: { requests_per_minute: 1_000_000 } }
  const settings = { log_requests: false, auth: {}, limits, clouds: { default: { driver: 'dummy', state_file: null } } }
  const servers = [
    await startServer({ ...settings, store: { file: few.file } }),
    await startServer({ ...settings, store: { file: many.file } })
  ] as const
  const requests = scaled(1000)
  const p99: Record<'few' | 'many', number[]> = { few: [], many: [] }
  const measure = (name: 'few' | 'many', address: string, made: readonly string[]) => async () => {
    const times = await request(address, made, requests)
    p99[name].push(percentile(times, 0.99))
    return median(times) * 1000
  }
  const load = {
    few: measure('few', servers[0].address, few.made),
    many: measure('many', servers[1].address, many.made)
  }
  for (const warmUp of Object.values(load)) await warmUp()
  const known = await alternate(9, load)
  for (const server of servers) await server.stop()

  const tail = { few: median(p99.few) * 1000, many: median(p99.many) * 1000 }
  const figuresOf = (what: string, { few, many }: Record<'few' | 'many', number>, atMost?: number): Figure[] => [
    { what: `${what}, 10 keys`, value: few, unit: 'µs' },
    { what: `${what}, 10,000 keys`, value: many, unit: 'µs', ratio: many / few, ...atMost !== undefined && { atMost } }
  ]
  print('The look-up of a key: time for one caller', [
    ...figuresOf('first use, in the store', first, 1.2),
    ...figuresOf('GET /api/v2/me, median', known, 1.2),
    ...figuresOf('GET /api/v2/me, p99', tail)
  ])
}
