import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { NodeService } from '../../../drivers/driver.ts'
import type { Call } from '../../../drivers/call.ts'
import { build, dummy } from '../../helper/app.ts'
import { listenTo } from '../../helper/events.ts'
import { startCluster } from './cluster.ts'

type Server = Awaited<ReturnType<typeof build>>

const nodes = '/api/v2/clouds/default/nodes'
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

t.test('of two servers one watches, and the other goes on when it has ended', async (t) => {
  const cluster = await startCluster(t)
  const shared = { ...settings, store: { url: await cluster.createDatabase() } }
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
