import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { version } from './config/version.ts'

const driverName = /^[a-z][a-z0-9]{1,31}$/

const isCompiled = path.extname(import.meta.filename) === '.js'
const template = path.join(import.meta.dirname, isCompiled ? '..' : '.', 'template')

/**
 * Writes the package of a new driver into the folder `orchestrator-driver-NAME` below `cwd`, and returns the folder. It
 * is a copy of template/, whose driver has the name acme. Throws if the name cannot be used or the folder exists.
 */
export function createDriverPackage (name: string, cwd: string): string {
  if (!driverName.test(name)) {
    throw new NewDriverError(
      `"${name}" cannot be the name of a driver; expected 2 to 32 lower-case letters and digits`
    )
  }
  const folder = path.join(cwd, `orchestrator-driver-${name}`)
  if (existsSync(folder)) {
    throw new NewDriverError(`${folder} exists; choose another name, or remove the folder`)
  }
  cpSync(template, folder, { recursive: true })
  const title = `${name[0]!.toUpperCase()}${name.slice(1)}`
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    const text = readFileSync(file, 'utf8')
      .replaceAll('acme', name).replaceAll('Acme', title).replaceAll('ACME', name.toUpperCase())
      .replace('"cloud-orchestrator": "^0.1.0"', `"cloud-orchestrator": "^${version}"`)
    writeFileSync(file, text)
  }
  return folder
}

/** The user can correct it. */
export class NewDriverError extends Error {}
