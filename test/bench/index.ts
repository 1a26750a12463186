import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { callers } from './callers.ts'
import { changes } from './changes.ts'
import { folder } from './child.ts'
import { clouds } from './clouds.ts'
import { isQuick, printed } from './figures.ts'
import { gateway } from './gateway.ts'
import { keys } from './keys.ts'
import { lists } from './lists.ts'
import { paging } from './paging.ts'
import { shared } from './shared.ts'
import { stalls } from './stalls.ts'
import { start } from './start.ts'

const parts: Record<string, () => Promise<void>> = {
  lists,
  paging,
  gateway,
  shared,
  callers,
  keys,
  clouds,
  changes: () => changes(folder),
  stalls,
  start,
  // Needs Libcloud.
  process: async () => (await import('./process.ts')).processes(),
  // Amazon's client takes memory that is not to be counted before.
  ec2: async () => (await import('./ec2.ts')).ec2()
}
/** Parts that run only when they are named, because they need services that a plain machine does not have. */
const named: typeof parts = {
  profile: async () => (await import('./profile.ts')).profiles(folder),
  lab: async () => (await import('./lab.ts')).lab(),
  postgres: async () => (await import('./postgres.ts')).postgres(folder)
}
const all = { ...parts, ...named }

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true, options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } }
})
const unknown = wanted.filter((name) => !Object.hasOwn(all, name))
if (unknown.length > 0) {
  process.stderr.write(`There is no ${unknown.join(', ')}; there are: ${Object.keys(all).join(', ')}\n`)
  process.exit(1)
}

const usual = Object.keys(parts).filter((name) => !isQuick || name !== 'ec2')
process.stdout.write(`Node ${process.versions.node}, ${availableParallelism()} cores${isQuick ? ', quick' : ''}\n`)
for (const name of wanted.length === 0 ? usual : wanted) await all[name]!()

if (values.json !== undefined) {
  const result = { at: new Date().toISOString(), node: process.versions.node, quick: isQuick, figures: printed }
  writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)
}
