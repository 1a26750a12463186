import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Reads package.json, which is one folder above the sources and two above the compiled files. */
function readVersion (): string {
  for (const folder of ['..', '../..']) {
    try {
      const text = readFileSync(path.join(import.meta.dirname, folder, 'package.json'), 'utf8')
      const { name, version } = JSON.parse(text) as Record<string, string>
      if (name === 'cloud-orchestrator') return version!
    } catch { /* not in this folder */ }
  }
  throw new Error('package.json of cloud-orchestrator was not found')
}

export const version = readVersion()
