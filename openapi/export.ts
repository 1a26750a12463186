import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createApp } from '../app.ts'
import { loadSettings } from '../config/index.ts'
import { loadDrivers } from '../drivers/load.ts'
import { toOpenApi30 } from './down-convert.ts'
import { collectExamples, type Examples } from './examples/collect.ts'
import { renderPages } from './examples/pages.ts'

/** Runs every operation and renders the calls with their answers. */
export const renderExamples = async () => toText(await collectExamples(await loadDrivers()))

const toText = (document: object) => `${JSON.stringify(document, null, 2)}\n`

/** Renders the document of a server without clouds, since it must not depend on the settings. */
export async function renderDocument (): Promise<string> {
  const drivers = await loadDrivers()
  const settings = loadSettings({
    env: { STORE_FILE: ':memory:' },
    cwd: import.meta.dirname,
    drivers
  })
  const app = createApp({ settings: { ...settings, clouds: [] }, drivers })
  try {
    await app.ready()
    return toText(app.swagger())
  } finally {
    await app.close()
  }
}

/** Renders the same document in OpenAPI 3.0.3. */
export const renderOpenApi30 = (document: string) =>
  toText(toOpenApi30(JSON.parse(document) as object))

const isCompiled = path.extname(import.meta.filename) === '.js'
const root = path.join(import.meta.dirname, isCompiled ? '../..' : '..')

/** Renders the pages of docs/api by their names. */
export const renderApiPages = (document: string, examples: string) =>
  renderPages(JSON.parse(document) as object, JSON.parse(examples) as Examples)

/** Writes a file below the root. */
async function write (name: string, text: string) {
  const file = path.join(root, name)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, text)
  process.stdout.write(`${file}\n`)
}

if (process.argv[1] === import.meta.filename) {
  // The document contains the examples, so they come first.
  const examples = await renderExamples()
  await write('openapi/examples.json', examples)
  const document = await renderDocument()
  await write('openapi/openapi.json', document)
  await write('openapi/openapi-3.0.json', renderOpenApi30(document))
  for (const [name, text] of Object.entries(renderApiPages(document, examples))) {
    await write(`docs/api/${name}`, text)
  }
}
