import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createApp } from '../app.ts'
import { loadSettings } from '../config/index.ts'
import { loadDrivers } from '../drivers/load.ts'

/** Renders the document of a server without clouds, since it must not depend on the settings. */
export async function renderDocument (): Promise<string> {
  const drivers = await loadDrivers()
  const settings = loadSettings({ env: { STORE_FILE: ':memory:' }, cwd: import.meta.dirname, drivers })
  const app = createApp({ settings: { ...settings, clouds: [] }, drivers })
  try {
    await app.ready()
    return `${JSON.stringify(app.swagger(), null, 2)}\n`
  } finally {
    await app.close()
  }
}

const isCompiled = path.extname(import.meta.filename) === '.js'

/** `openapi/openapi.json` of the repository. */
export const documentFile = path.join(import.meta.dirname, isCompiled ? '../../openapi' : '.', 'openapi.json')

if (process.argv[1] === import.meta.filename) {
  await writeFile(documentFile, await renderDocument())
  process.stdout.write(`${documentFile}\n`)
}
