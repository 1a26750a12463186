import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { loadServer } from '../config/index.ts'
import { makeDirectory, root } from './helper/app.ts'

const text = readFileSync(path.join(root, 'config/orchestrator.example.yaml'), 'utf8')

/** The clouds that are comments in the file: name → lines. */
const examples = Object.fromEntries([...text.matchAll(/^ {2}# ([a-z]+):\n((?: {2}#.*\n)+)/gm)].map(([block, name]) =>
  [name!, block.replaceAll(/^ {2}# /gm, '  ')]))

/** The variables that the file names, and the files. */
const env = Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, 'a-value']))
const cloudsYaml = { auth: { auth_url: 'https://cloud.test/v3', username: 'me', password: 'p', project_name: 'p' } }

const load = (t: Parameters<typeof makeDirectory>[0], content: string) => {
  const directory = makeDirectory(t)
  writeFileSync(path.join(directory, 'clouds.yaml'), JSON.stringify({ clouds: { mycloud: cloudsYaml } }))
  writeFileSync(path.join(directory, 'orchestrator.yaml'), content)
  return loadServer({ config: path.join(directory, 'orchestrator.yaml'), env, cwd: directory })
}

t.test('the example of settings is read as it is', async (t) => {
  const { settings } = await load(t, text)
  t.same(settings.clouds.map(({ name }) => name), ['default'])
})

t.test('each cloud that is a comment in the example is read without an error', async (t) => {
  const names = Object.keys(examples)
  const expected = ['cellar', 'branch', 'amazon', 'private', 'old', 'own', 'acme', 'droplets']
  t.ok(expected.every((name) => names.includes(name)), 'all', { names })
  for (const [name, block] of Object.entries(examples)) {
    // It names a file that the user writes.
    if (name === 'own') continue
    const { settings } = await load(t, `clouds:\n  default: { driver: dummy }\n${block}`)
    const found = settings.clouds.filter((cloud) => cloud.name.startsWith(name))
    t.ok(found.length > 0, name, { clouds: settings.clouds.map((cloud) => cloud.name) })
  }
})
