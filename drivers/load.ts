import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { DriverPlugin } from './driver.ts'

/** Loads the drivers by name: the default exports of the folders beside this file. */
export async function loadDrivers (): Promise<Map<string, DriverPlugin>> {
  const here = import.meta.dirname
  // The extension of this file shows whether sources or compiled files run.
  const index = `index${path.extname(import.meta.filename)}`
  const entries = await readdir(here, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name).sort()
  const plugins = await Promise.all(folders.map(async (folder) =>
    (await import(new URL(`${folder}/${index}`, import.meta.url).href) as { default: DriverPlugin }).default))
  return new Map(plugins.map((plugin) => [plugin.driver.name, plugin]))
}
