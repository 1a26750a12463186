import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as driverExports from '../drivers/index.ts'
import * as conformanceExports from './conformance/index.ts'
import { root } from './helper/app.ts'

const guide = readFileSync(path.join(root, 'drivers/README.md'), 'utf8')

t.test('the guide for drivers has the code of the package of a new driver, which package.test.ts runs', async (t) => {
  const blocks = [...guide.matchAll(/```js\n\/\/ (\S+)\n([^]*?)```/g)]
  t.ok(blocks.length > 8, 'there is code')
  t.equal(blocks.length, guide.match(/```js/g)?.length, 'each block names its file')
  for (const [, file, code] of blocks) {
    const text = readFileSync(path.join(root, 'template', file!), 'utf8')
    t.ok(text.includes(code!), `${file} has the code`, { code })
  }
})

t.test('the guide names only what the package exports, and files that exist', async (t) => {
  const [, helpers] = /## Helpers\n([^]*?)\n## /.exec(guide)!
  const names = [...helpers!.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`([a-z]\w+)/gi)])
    .map(([, name]) => name!).filter((name) => name !== 'error')
  t.ok(names.length > 10, 'there are helpers', { names })
  for (const name of names) t.ok(name in driverExports, name)
  const ofDriver = [
    'defineDriver', 'describe', 'ProblemError', 'allowedActions', 'isTransitioning', 'untilGone', 'operationKey',
    'toTags', 'checkTags', 'isOutcomeUnknown'
  ]
  for (const name of ofDriver) t.ok(guide.includes(name) && name in driverExports, name)
  for (const name of ['conformance', 'startFaultProxy']) t.ok(guide.includes(name) && name in conformanceExports, name)
  for (const [, file] of guide.matchAll(/\]\(([^)#]+)\)/g)) {
    t.ok(existsSync(path.join(root, 'drivers', file!)), `${file} exists`)
  }
})
