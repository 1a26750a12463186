import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createApp } from '../app.ts'
import { loadSettings } from '../config/index.ts'
import { loadDrivers } from '../drivers/load.ts'
import { toOpenApi30 } from './down-convert.ts'

const toText = (document: object) => `${JSON.stringify(document, null, 2)}\n`

/** Renders the document of a server without clouds, since it must not depend on the settings. */
export async function renderDocument (): Promise<string> {
  const drivers = await loadDrivers()
  const settings = loadSettings({ env: { STORE_FILE: ':memory:' }, cwd: import.meta.dirname, drivers })
  const app = createApp({ settings: { ...settings, clouds: [] }, drivers })
  try {
    await app.ready()
    return toText(app.swagger())
  } finally {
    await app.close()
  }
}

/** Renders the same document in OpenAPI 3.0.3. */
export const renderOpenApi30 = (document: string) => toText(toOpenApi30(JSON.parse(document) as object))

const isCompiled = path.extname(import.meta.filename) === '.js'
const folder = path.join(import.meta.dirname, isCompiled ? '../../openapi' : '.')

if (process.argv[1] === import.meta.filename) {
  const document = await renderDocument()
  const files = { 'openapi.json': document, 'openapi-3.0.json': renderOpenApi30(document) }
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(folder, name), text)
    process.stdout.write(`${path.join(folder, name)}\n`)
  }
}
