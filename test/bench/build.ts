import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const script = process.env['BENCH_SERVER']

/** The compiled code that is measured: this build, or the one whose `dist/test/bench/server.js` BENCH_SERVER names. */
export const build = path.resolve(script === undefined ? import.meta.dirname : path.dirname(script), '../..')

/** Imports a file of the build that is measured, which must export what the same file of this build exports. */
export const importBuilt = async <T>(file: string) => await import(pathToFileURL(path.join(build, file)).href) as T

/** Builds from before reads were kept do not have the setting cache_seconds, and keep nothing. */
const keepsReads = existsSync(path.join(build, 'plugins/clouds/shared-reads.js'))

/** Returns the settings that the build knows. */
export function toKnownSettings<T extends { clouds?: object }> (settings: T): T {
  if (keepsReads || settings.clouds === undefined) return settings
  const known = Object.entries(settings.clouds as Record<string, object>).map(([name, cloud]) =>
    [name, { ...cloud, cache_seconds: undefined }] as const)
  return { ...settings, clouds: Object.fromEntries(known) }
}
