import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { declarationFaults, kindOf } from './declaration.ts'
import { contractVersion, defineDriver, driverMark, type DriverPlugin } from './driver.ts'

/** Loads the built-in drivers by name: the default exports of the folders beside this file that have an index. */
export async function loadDrivers (): Promise<Map<string, DriverPlugin>> {
  const here = import.meta.dirname
  // The extension of this file shows whether sources or compiled files run.
  const index = `index${path.extname(import.meta.filename)}`
  const entries = await readdir(here, { withFileTypes: true })
  const folders = entries
    .filter((entry) => entry.isDirectory() && existsSync(path.join(here, entry.name, index)))
    .map(({ name }) => name)
    .sort()
  const plugins = await Promise.all(
    folders.map(async (folder) =>
      (await import(new URL(`${folder}/${index}`, import.meta.url).href) as {
        default: DriverPlugin
      }).default
    )
  )
  return new Map(plugins.map((plugin) => [plugin.driver.name, plugin]))
}

/**
 * A driver from outside this package, or the reason why it cannot be used. With `defect`, the code was found and cannot
 * be used; otherwise the reference itself is wrong.
 */
export type OutsideDriver = { plugin: DriverPlugin } | { error: string, defect?: boolean }

/** Milliseconds for the import of a driver. */
const importTimeout = 10_000

const isPath = (reference: string) => /^\.{0,2}\//.test(reference)

/**
 * Loads the drivers that settings name by a path relative to the folder of the settings file (`./my-driver.js`) or by a
 * package (`@acme/orchestrator-driver`). Returns them by reference. A name that is neither a path nor a scoped or
 * installed package is left out.
 */
export async function loadOutsideDrivers (
  references: readonly string[],
  directory: string,
  builtIn: ReadonlyMap<string, DriverPlugin>
): Promise<Map<string, OutsideDriver>> {
  const loaded = new Map<string, OutsideDriver>()
  const owners = new Map<string, string>()
  for (const { driver } of builtIn.values()) {
    for (const name of namesOf(driver)) owners.set(name, `the built-in driver ${driver.name}`)
  }
  const urls = new Map<string, DriverPlugin>()
  for (const reference of new Set(references)) {
    let isLoading = false
    try {
      const url = await locate(reference, directory)
      if (url === undefined) continue
      isLoading = true
      const plugin = urls.get(url) ?? await load(url, reference)
      isLoading = false
      // Two references may lead to one file.
      if (!urls.has(url)) claimNames(plugin, reference, owners)
      urls.set(url, plugin)
      loaded.set(reference, { plugin })
    } catch (error) {
      loaded.set(reference, { error: (error as Error).message, defect: isLoading })
    }
  }
  return loaded
}

/** The names of a driver, in the form in which they must be unique: the document makes one name of both forms. */
const namesOf = ({ name, aliases = {} }: DriverPlugin['driver']) =>
  [name, ...Object.keys(aliases)].map((one) => one.replaceAll('_', '-'))

function claimNames ({ driver }: DriverPlugin, reference: string, owners: Map<string, string>) {
  const taken = namesOf(driver).find((name) => owners.has(name))
  if (taken !== undefined) {
    throw new Error(
      `the driver has the name "${taken}", which ${owners.get(taken)} has too; ` +
        'change the name in its defineDriver'
    )
  }
  for (const name of namesOf(driver)) owners.set(name, reference)
}

/** Returns the URL of the code; undefined if the reference is no path and no package. Throws if there is none. */
async function locate (reference: string, directory: string): Promise<string | undefined> {
  if (isPath(reference)) {
    const file = path.resolve(directory, reference)
    if (!existsSync(file)) throw new Error(`the file ${file} does not exist`)
    // Finds the file of a folder too.
    return pathToFileURL(createRequire(path.join(directory, 'settings')).resolve(file)).href
  }
  const { resolve: resolvePackage } = await import('import-meta-resolve')
  const parents = [pathToFileURL(path.join(directory, 'settings')).href, import.meta.url]
  for (const parent of parents) {
    try {
      return resolvePackage(reference, parent)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isAbsent = code === 'ERR_INVALID_MODULE_SPECIFIER' ||
        /^Cannot find package/.test(message)
      if (!isAbsent) throw new Error(`the package cannot be loaded: ${message}`)
    }
  }
  if (!reference.startsWith('@')) return undefined
  throw new Error(`the package is not installed; run \`npm install ${reference}\` in ${directory}`)
}

async function load (url: string, reference: string): Promise<DriverPlugin> {
  const { default: found } = await importModule(url)
  return adoptDriver(found, reference)
}

/**
 * Returns the driver of any copy of this package as one of this copy. `reference` is how the settings name it; default:
 * its name. Throws if it is no driver or has a defect.
 */
export function adoptDriver (found: unknown, reference?: string): DriverPlugin {
  const version = (found as { [driverMark]?: unknown } | undefined)?.[driverMark]
  if (version === undefined) {
    throw new Error(
      `its default export is ${kindOf(found)}; expected the result of defineDriver of ` +
        'cloud-orchestrator/driver'
    )
  }
  if (version !== contractVersion) {
    throw new Error(
      `the driver was made for version ${
        String(version)
      } of the contract of drivers, and this server ` +
        `has version ${contractVersion}; install a version of the driver for it`
    )
  }
  const { driver } = found as DriverPlugin
  const faults = declarationFaults(driver)
  if (faults.length > 0) throw new Error(`the driver has a defect: ${faults.join('; ')}`)
  // The plugin of another copy of this package would keep its secrets there.
  return Object.assign(defineDriver(driver), { outside: reference ?? driver.name })
}

async function importModule (url: string): Promise<{ default?: unknown }> {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`its code did not load within ${importTimeout / 1000} s`)),
      importTimeout
    )
  })
  const loading = (import(url) as Promise<{ default?: unknown }>).catch((error: unknown) => {
    throw new Error(
      `its code failed while it was loaded: ${
        error instanceof Error ? error.message : String(error)
      }`
    )
  })
  try {
    return await Promise.race([loading, overdue])
  } finally {
    clearTimeout(timer)
  }
}
