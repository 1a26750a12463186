import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from './helper/app.ts'

t.test('the build removes the output of a source that is gone, and nothing else', async (t) => {
  const gone = path.join(root, `dist/test/fixtures/gone-${process.pid}`)
  const stale = ['js', 'js.map', 'd.ts'].map((ending) => `${gone}.${ending}`)
  t.teardown(() => { for (const file of stale) rmSync(file, { force: true }) })
  for (const file of stale) writeFileSync(file, '')
  execFileSync(process.execPath, [path.join(root, 'remove-stale.js')])
  t.same(stale.filter((file) => existsSync(file)), [])
  for (const file of ['app.js', 'app.d.ts', 'libraries/typebox.js', 'drivers/process/protocol.schema.json']) {
    t.ok(existsSync(path.join(root, 'dist', file)), file)
  }
})
