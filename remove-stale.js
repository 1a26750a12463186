import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'

// tsc leaves the output of a source that was removed, and the server would still load it: drivers and routes are found
// by folder. The build and `npm run dev` remove such files first.

const output = path.join(import.meta.dirname, 'dist')
const ending = /\.(js|js\.map|d\.ts)$/

const names = existsSync(output) ? readdirSync(output, { recursive: true }) : []
for (const name of names) {
  // bundle-libraries.js writes the libraries.
  if (!ending.test(name) || name.startsWith('libraries')) continue
  const source = path.join(import.meta.dirname, name.replace(ending, ''))
  if (!existsSync(`${source}.ts`) && !existsSync(`${source}.js`)) rmSync(path.join(output, name))
}
