import t from 'tap'
import { build, dummy } from '../../helper/app.ts'
import { listenTo } from '../../helper/events.ts'
import { countLists, outside, waitForLooks, watchOften } from '../../helper/watching.ts'
import { startCluster } from './cluster.ts'

const nodes = '/api/v2/clouds/default/nodes'

t.test('of two servers one watches, and the other goes on when it has ended', async (t) => {
  const cluster = await startCluster(t)
  const shared = { ...watchOften, store: { url: await cluster.createDatabase() } }
  const clouds = { default: dummy({ nodes: 1 }) }
  const one = await build(t, { listen: true, settings: shared, clouds })
  const other = await build(t, { listen: true, settings: shared, clouds })
  const counts = [countLists(t, one), countLists(t, other)] as const
  await listenTo(t, `${one.origin}/api/v2/events`)
  await waitForLooks(counts[0])
  const client = await listenTo(t, `${other.origin}/api/v2/events`)
  await waitForLooks(counts[0], 5)
  t.equal(counts[1](), 0, 'the first server watches alone')
  const { body: { items: [node] } } = await one.api.get(nodes)
  await outside(one, (service, call) => service.stop(node.id, {}, call))
  await client.until(() => client.names().includes(`node.state_changed ${node.self}`))
  await one.app.close()
  await waitForLooks(counts[1])
  t.ok(counts[1]() > 0)
  // Its cloud is another, in which the node runs: that is a difference to what the first server has seen.
  await client.until(() => client.events.length >= 2)
  t.match(client.events[1]!.data, { type: 'node.state_changed', data: { state: 'running', previous_state: 'stopped' } })
})
