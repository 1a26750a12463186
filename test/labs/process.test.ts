import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import processDriver from '../../drivers/process/index.ts'
import { conformance } from '../conformance/index.ts'
import type { Check } from '../conformance/check.ts'
import { root } from '../helper/app.ts'
import { outputOf } from '../helper/packed.ts'

const folder = path.join(root, 'test/labs/process/driver')

t.test('the driver in Go that was written from the page of the protocol passes the suite', async (t) => {
  t.ok(readFileSync(path.join(folder, 'main.go'), 'utf8').split('\n').length < 200, 'it has less than 200 lines')
  const program = path.join(t.testdir(), 'driver')
  // Go is that of the SDK lab, if there is one.
  const PATH = `${path.join(root, '.tools/python/bin')}${path.delimiter}${process.env['PATH']}`
  const env = { PATH, HOME: process.env['HOME'] ?? folder }
  const { ok, text } = await outputOf('go', ['build', '-o', program, '.'], folder, env)
  if (!ok) throw new Error(`Go 1.22 or later is needed (bash test/labs/sdk/install): ${text}`)
  await conformance(t as unknown as Check, {
    driver: processDriver,
    settings: { command: [program], settings: { token: 'of the account' } },
    image_id: 'debian-12',
    size_id: 'small',
    other_size_id: 'large'
  })
})
