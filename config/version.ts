import { readFileSync } from 'node:fs'
import path from 'node:path'

/** The version in package.json, which stands one folder up from the sources and two from the compiled files. */
function readVersion (): string {
  for (const up of ['..', '../..']) {
    try {
      const { name, version } = JSON.parse(readFileSync(path.join(import.meta.dirname, up, 'package.json'), 'utf8')) as Record<string, string>
      if (name === 'cloud-orchestrator') return version!
    } catch { /* not there: the next place */ }
  }
  throw new Error('package.json of cloud-orchestrator was not found')
}

export const version = readVersion()
