import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { NodeService } from '../drivers/driver.ts'
import type { Call } from '../drivers/call.ts'
import { build, dummy } from './helper/app.ts'
import { listenTo } from './helper/events.ts'

type Server = Awaited<ReturnType<typeof build>>

const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
const wait = { prefer: 'wait=20' }
const settings = { events: { watch_seconds: 0.02 } }

/** Changes the cloud as its own console does, without this server. */
const outside = ({ app }: Server, run: (nodes: Required<NodeService>, call: Call) => Promise<unknown>) =>
  app.farm.handle('default', { requestId: 'outside', log: app.log })
    .call((connection, call) => run(connection.nodes as Required<NodeService>, call))

/** Counts the lists of nodes that a server makes. */
function countLists (t: Test, { app }: Server) {
  const service = app.farm.get('default').connection!.nodes!
  const calls = t.capture(service, 'list', service.list.bind(service))
  let count = 0
  return () => { count += calls().length; return count }
}

/** Waits until a cloud was listed anew, so that what is there now was seen. */
async function waitForLooks (lists: () => number, looks = 2) {
  const before = lists()
  const deadline = performance.now() + 10_000
  while (lists() < before + looks && performance.now() < deadline) await sleep(5)
}

t.test('what is changed outside of this server is an event, while somebody listens', async (t) => {
  const server = await build(t, { listen: true, settings, clouds: { default: dummy({ nodes: 2 }) } })
  const { api, origin } = server
  const lists = countLists(t, server)
  await sleep(100)
  t.equal(lists(), 0, 'nobody listens')
  const others = await listenTo(t, `${origin}/api/v2/events?type=operation.*`)
  await sleep(100)
  t.equal(lists(), 0, 'nobody wants events of nodes')

  const client = await listenTo(t, `${origin}/api/v2/events?cloud=default`)
  await waitForLooks(lists)
  const { body: { items: [first, second] } } = await api.get(nodes)
  await outside(server, (service, call) => service.stop(first.id, {}, call))
  await client.until(() => client.events.length === 1)
  await outside(server, (service, call) => service.destroy(second.id, call))
  await client.until(() => client.events.length === 2)
  await outside(server, (service, call) => service.create({ ...input, count: 1 } as never, call))
  await client.until(() => client.events.length >= 3)
  t.match(client.events.map(({ data }) => data), [
    {
      type: 'node.state_changed',
      cloud: 'default',
      resource: first.self,
      data: { kind: 'node', id: first.id, state: 'stopped', previous_state: 'running', operation: null, self: first.self }
    },
    { type: 'node.destroyed', resource: second.self, data: { state: null, previous_state: 'running', operation: null } },
    { type: 'node.created', data: { name: 'web', operation: null } }
  ])
  t.same(others.events, [])

  client.close()
  await sleep(200)
  lists()
  const before = lists()
  await sleep(200)
  t.equal(lists(), before, 'nobody listens any more')
})

t.test('what operations do is reported once, by them', async (t) => {
  const clouds = { default: dummy({ delays: { create: 0.05, stop: 0.05, destroy: 0.05 } }) }
  const { api, origin } = await build(t, { listen: true, settings, clouds })
  const client = await listenTo(t, `${origin}/api/v2/events?type=node.*,volume.*`)
  const ids = await Promise.all([1, 2, 3].map(async () => {
    const { body: { resource: { self } } } = await api.post(nodes, input, wait)
    await api.post(`${self}/actions/stop`, {}, wait)
    await api.delete(self, wait)
    return self as string
  }))
  await client.until(() => client.events.length >= 9)
  await sleep(300)
  const expected = ids.flatMap((self) => ['created', 'state_changed', 'destroyed'].map((effect) => `node.${effect} ${self}`))
  t.same(client.names().toSorted(), expected.toSorted())
  t.ok(client.events.every(({ data: { data: { operation } } }) => operation !== null))
})
