import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Call } from '../../drivers/call.ts'
import type { NodeService } from '../../drivers/driver.ts'
import type { build } from './app.ts'

type Server = Awaited<ReturnType<typeof build>>

/** Settings with which clouds are listed often. */
export const watchOften = { events: { watch_seconds: 0.02 } }

/** Changes the cloud `default` as its own console does, without the server. */
export const outside = ({ app }: Server, run: (nodes: Required<NodeService>, call: Call) => Promise<unknown>) =>
  app.farm.handle('default', { requestId: 'outside', log: app.log })
    .call((connection, call) => run(connection.nodes as Required<NodeService>, call))

/** Counts the lists of the nodes of a cloud that a server asks for. */
export function countLists (t: Test, { app }: Server, cloud = 'default') {
  const service = app.farm.get(cloud).connection!.nodes!
  const calls = t.capture(service, 'list', service.list.bind(service))
  let count = 0
  return () => { count += calls().length; return count }
}

/** Waits until a cloud was listed so often, so that what was there before was seen. */
export async function waitForLooks (lists: () => number, looks = 2) {
  const goal = lists() + looks
  const deadline = performance.now() + 20_000
  while (lists() < goal) {
    if (performance.now() > deadline) throw new Error(`${lists()} lists, not ${goal}`)
    await sleep(5)
  }
}
