import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Finds the folder of package.json: one above the sources and two above the compiled files. */
function findPackage () {
  for (const up of ['..', '../..']) {
    const folder = path.join(import.meta.dirname, up)
    try {
      const text = readFileSync(path.join(folder, 'package.json'), 'utf8')
      const { name, version = '' } = JSON.parse(text) as Record<string, string>
      if (name === 'cloud-orchestrator') return { folder, version }
    } catch { /* not in this folder */ }
  }
  throw new Error('package.json of cloud-orchestrator was not found')
}

/** `folder` has the files that are read at run time beside the code, such as docs/filters.md. */
export const { folder: packageFolder, version } = findPackage()
