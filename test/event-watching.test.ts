import t from 'tap'
import { build, dummy } from './helper/app.ts'
import { listenTo } from './helper/events.ts'
import { countLists, outside, waitForLooks, watchOften as settings } from './helper/watching.ts'

const nodes = '/api/v2/clouds/default/nodes'
const input = { name: 'web', image_id: 'img-debian-12', size_id: 'dummy.small' }
const wait = { prefer: 'wait=20' }

t.test('what is changed outside of this server is an event, while somebody listens to its cloud', async (t) => {
  const clouds = { default: dummy({ nodes: 2 }), other: dummy() }
  const server = await build(t, { listen: true, settings, clouds })
  const { api, origin } = server
  const lists = countLists(t, server)
  // The looks at another cloud tell that there was time for looks at this one.
  const otherLists = countLists(t, server, 'other')
  await listenTo(t, `${origin}/api/v2/events?cloud=other`)
  await waitForLooks(otherLists, 5)
  t.equal(lists(), 0, 'without a listener, the cloud is not listed')
  const others = await listenTo(t, `${origin}/api/v2/events?type=operation.*`)
  await waitForLooks(otherLists, 5)
  t.equal(lists(), 0, 'without a listener for nodes, the nodes are not listed')

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
      data: {
        kind: 'node',
        id: first.id,
        state: 'stopped',
        previous_state: 'running',
        operation: null,
        self: first.self
      }
    },
    {
      type: 'node.destroyed',
      resource: second.self,
      data: { state: null, previous_state: 'running', operation: null }
    },
    { type: 'node.created', data: { name: 'web', operation: null } }
  ])
  t.same(others.events, [])

  client.close()
  let before: number
  do {
    before = lists()
    await waitForLooks(otherLists, 5)
  } while (lists() > before)
  t.pass('after the last listener has left, the cloud is not listed')
})

t.test('what operations do is reported once, by them', async (t) => {
  const clouds = { default: dummy({ delays: { create: 0.05, stop: 0.05, destroy: 0.05 } }) }
  const server = await build(t, { listen: true, settings, clouds })
  const { api, origin } = server
  const client = await listenTo(t, `${origin}/api/v2/events?type=node.*,volume.*`)
  const ids = await Promise.all([1, 2, 3].map(async () => {
    const { body: { resource: { self } } } = await api.post(nodes, input, wait)
    await api.post(`${self}/actions/stop`, {}, wait)
    await api.delete(self, wait)
    return self as string
  }))
  await client.until(() => client.events.length >= 9)
  await waitForLooks(countLists(t, server), 5)
  // The events of earlier looks come before the event of this change.
  await outside(server, (service, call) => service.create({ ...input, count: 1 } as never, call))
  const isOfOperation = ({ data }: typeof client.events[number]) => data.data.operation !== null
  await client.until(() => !client.events.every(isOfOperation))
  const effects = ['created', 'state_changed', 'destroyed']
  const expected = ids.flatMap((self) => effects.map((effect) => `node.${effect} ${self}`))
  t.same(client.names().slice(0, -1).toSorted(), expected.toSorted())
  t.ok(client.events.slice(0, -1).every(isOfOperation))
})
