import { availableParallelism } from 'node:os'
import { clouds } from './clouds.ts'
import { gateway } from './gateway.ts'
import { lists } from './lists.ts'
import { paging } from './paging.ts'
import { start } from './start.ts'

const parts: Record<string, () => Promise<void>> = {
  lists,
  paging,
  gateway,
  clouds,
  start,
  // Amazon's client takes memory that is not to be counted before.
  ec2: async () => (await import('./ec2.ts')).ec2()
}
/** Parts that run only when they are named, because they need services that a plain machine does not have. */
const named: typeof parts = {
  lab: async () => (await import('./lab.ts')).lab()
}
const all = { ...parts, ...named }

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(all, name))
if (unknown.length > 0) {
  process.stderr.write(`There is no ${unknown.join(', ')}; there are: ${Object.keys(all).join(', ')}\n`)
  process.exit(1)
}

process.stdout.write(`Node ${process.versions.node}, ${availableParallelism()} cores\n`)
for (const name of wanted.length === 0 ? Object.keys(parts) : wanted) await all[name]!()
