import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'

// These libraries have more than 1,000 files, 680 of them in typebox, and Node.js needs half a millisecond for each
// file that it imports. This script writes each library into one file (dist/libraries), which the `imports` of
// package.json name. The declarations are those of the libraries.

const libraries = ['typebox', 'kysely', 'uuid', 'yaml']
const entries = [...libraries, 'typebox/compile', 'typebox/value']
const folder = new URL('dist/libraries/', import.meta.url)
const versionsFile = new URL('versions.json', folder)

const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
const licenceOf = (name) => {
  const directory = new URL(`node_modules/${name}/`, import.meta.url)
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name} has no file with its licence`)
  return readFileSync(new URL(file, directory), 'utf8').trim()
}

const versions = JSON.stringify(Object.fromEntries([...libraries, 'esbuild'].map((n) => [n, versionOf(n)])))

function isCurrent () {
  try {
    return readFileSync(versionsFile, 'utf8') === versions
  } catch {
    return false
  }
}

if (!isCurrent()) {
  rmSync(folder, { recursive: true, force: true })
  await build({
    entryPoints: Object.fromEntries(entries.map((name) => [name.replace('/', '-'), name])),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    target: 'node20',
    mainFields: ['module', 'main'],
    outdir: 'dist/libraries',
    absWorkingDir: import.meta.dirname,
    legalComments: 'eof',
    logLevel: 'warning'
  })
  const licences = libraries.map((name) => `${name}\n\n${licenceOf(name)}`)
  writeFileSync(new URL('LICENSES.txt', folder), licences.join('\n\n'))
  writeFileSync(versionsFile, versions)
}
