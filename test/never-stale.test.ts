import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Api } from './helper/api.ts'
import { build, dummy } from './helper/app.ts'
import { startFaultProxy } from './labs/fault-proxy.ts'
import { startRackspace } from './labs/rackspace/index.ts'

/** Reads beside changes. `npm run test:never-stale` makes ten times as many. */
const interleavings = Number(process.env['INTERLEAVINGS'] ?? 1000)
const clients = 12

interface Shown { id: string, state: string, tags: Record<string, string> }

/** A node, and the last change of it that was answered. */
interface Target {
  self: string
  id: string
  written: number
  /** The change under way, since changes of one node come one after the other. */
  changing: Promise<unknown>
}

const pause = (ms: number) => sleep(Math.random() * ms)
const pick = <T>(values: readonly T[]) => values[Math.floor(Math.random() * values.length)]!
const versionOf = ({ tags }: Shown) => Number(tags['version'] ?? 0)

/**
 * Changes nodes and reads them in every way, at random and at the same time, with some of the reads answered from what
 * is kept. Each read must show the last change of each node that was answered before the read began, or a later one.
 */
async function interleave (t: Test, api: Api, nodes: readonly Shown[], cloud: string, count: number) {
  const targets: Target[] = nodes.map(({ id }) =>
    ({ id, self: `/api/v2/clouds/${cloud}/nodes/${id}`, written: 0, changing: Promise.resolve() }))
  const list = `/api/v2/clouds/${cloud}/nodes`
  const reads: (() => Promise<Shown[]>)[] = [
    async () => [(await api.get(pick(targets).self)).body],
    ...[list, `${list}?fields=id,tags,state`, `${list}?sort=-name`, '/api/v2/nodes', `${list}?state=running&limit=1000`]
      .map((url) => async () => (await api.get(url)).body.items.filter(({ cloud: own = cloud }) => own === cloud))
  ]
  let version = 0
  let left = count
  let stale = 0

  const change = (target: Target) => {
    target.changing = target.changing.then(async () => {
      const next = ++version
      const { status } = await api.patch(target.self, { tags: { version: String(next) } })
      if (status !== 200) throw new Error(`a change was answered with ${status}`)
      target.written = next
    })
    return target.changing
  }

  const read = async () => {
    const before = new Map(targets.map(({ id, written }) => [id, written]))
    const shown = await pick(reads)()
    for (const node of shown) if (versionOf(node) < before.get(node.id)!) stale++
  }

  const client = async () => {
    while (left-- > 0) {
      await (Math.random() < 0.2 ? change(pick(targets)) : read())
      if (Math.random() < 0.5) await pause(3)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  t.equal(stale, 0, `no read of ${count} is older than a change before it`)
  t.ok(version > 0 && version < count, `${version} changes`)
  return count - version
}

t.test('no read after a change shows the state before it: dummy', async (t) => {
  const { api, app } = await build(t, { clouds: { default: dummy({ nodes: 5 }), other: dummy({ nodes: 2 }) } })
  const nodes = app.clouds['default']!.nodes!
  const { list, get } = nodes
  // The cloud has read its state when its answer is still on its way.
  let calls = 0
  const late = <A extends unknown[], R>(run: (...input: A) => Promise<R>) => async (...input: A) => {
    calls++
    const result = structuredClone(await run(...input))
    await pause(4)
    return result
  }
  Object.assign(nodes, { list: late(list), get: late(get) })
  const { items } = (await api.get('/api/v2/clouds/default/nodes')).body
  const read = await interleave(t, api, items, 'default', interleavings)
  t.ok(calls < read, `${read} reads made ${calls} calls`)
})

t.test('no read after a change shows the state before it: a cloud over HTTP, behind a proxy that delays', async (t) => {
  const fake = await startRackspace({ behaviour: { delay: 0 } })
  const { origin, pathname } = new URL(fake.url)
  const proxy = await startFaultProxy({ targets: { cloud: origin } })
  t.teardown(async () => {
    await proxy.close()
    await fake.close()
  })
  const address = proxy.urls['cloud']!
  // The catalog of the cloud names the cloud itself.
  proxy.addRule({ path: /tokens/, rewrite: (body) => body.replaceAll(origin, address) })
  const { api } = await build(t, {
    clouds: {
      default: {
        driver: 'rackspace',
        auth_url: address + pathname,
        username: fake.username,
        api_key: fake.apiKey,
        max_in_flight: 64
      }
    }
  })
  const [image] = fake.state().images
  for (const name of ['a', 'b', 'c']) {
    const input = { name, image_id: image!.id, size_id: '2' }
    const { status } = await api.post('/api/v2/clouds/default/nodes', input, { prefer: 'wait=10' })
    t.equal(status, 200)
  }
  const { items } = (await api.get('/api/v2/clouds/default/nodes')).body
  const delays = setInterval(() => {
    for (let i = 0; i < 4; i++) proxy.addRule({ delay: Math.random() * 20, times: 1 })
  }, 5)
  t.teardown(() => clearInterval(delays))
  await interleave(t, api, items, 'default', Math.ceil(interleavings / 4))
})

t.test('an action that has ended is shown by the next read, however it is read', async (t) => {
  const { api } = await build(t, { clouds: { default: dummy({ nodes: 1, delay: 0.02 }) } })
  const list = '/api/v2/clouds/default/nodes'
  const [{ self }] = (await api.get(list)).body.items
  for (let i = 0; i < 10; i++) {
    const [verb, state] = i % 2 === 0 ? ['stop', 'stopped'] : ['start', 'running']
    const ended = api.post(`${self}/actions/${verb}`, undefined, { prefer: 'wait=10' })
    // These are kept while the action runs.
    await Promise.all([api.get(list), api.get(self), api.get('/api/v2/nodes?fields=state')])
    t.match((await ended).body, { status: 'succeeded' })
    t.equal((await api.get(self)).body.state, state)
    t.equal((await api.get(list)).body.items[0].state, state)
    t.equal((await api.get('/api/v2/nodes?fields=state')).body.items[0].state, state)
  }
})
