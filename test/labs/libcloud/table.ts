import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { root } from '../../helper/app.ts'

const readme = path.join(root, 'drivers/libcloud/README.md')
const head = '| Class | Nodes | Sizes | Images | Locations | Volumes | Key pairs |\n|---|---|---|---|---|---|---|\n'

/**
 * Compares the table of the README with what a run has seen: class → a cell for each collection. With WRITE_TABLE=1 it
 * writes the table instead.
 */
export function checkTable (t: Test, seen: Readonly<Record<string, readonly string[]>>) {
  const rows = Object.keys(seen).sort().map((name) => `| ${name} | ${seen[name]!.join(' | ')} |\n`)
  const table = head + rows.join('')
  const text = readFileSync(readme, 'utf8')
  const start = text.indexOf(head)
  const [old] = /^(\|.*\n)+/.exec(text.slice(start)) ?? []
  if (old === undefined) throw new Error(`${readme} has no table that begins with ${head}`)
  if (process.env['WRITE_TABLE'] === '1') {
    writeFileSync(readme, text.slice(0, start) + table + text.slice(start + old.length))
    return
  }
  const says = 'the table of drivers/libcloud/README.md is that of this run (WRITE_TABLE=1 writes it)'
  t.same(old.split('\n'), table.split('\n'), says)
}
