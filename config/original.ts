import { splitOriginal } from '../drivers/original.ts'
import { findNamed, type CloudsSource } from './clouds.ts'
import { describe, isMap, kindOf, type Report } from './report.ts'
import { ServerSettings } from './schema.ts'

/** Settings files of the original Orchestrator: `CLOUD_FARM: {name: {ENGINE, USER, PASSWORD, EXTRA_PARAMS}}`. */

export interface OriginalFile extends Record<string, unknown> {
  CLOUD_FARM: unknown
}

/** Whether the content of a settings file has the form of the original Orchestrator. */
export const isOriginalFile = (content: unknown): content is OriginalFile =>
  isMap(content) && 'CLOUD_FARM' in content

/** The form of names here: lower-case letters, digits and hyphens. */
export const toCloudName = (name: string) =>
  name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replace(/^-+/, '').slice(0, 63)

type Drivers = CloudsSource['drivers']

/** Converts one entry. Throws an Error that says what is wrong. */
function convertEntry (entry: unknown, drivers: Drivers) {
  if (!isMap(entry)) {
    throw new Error(`found ${kindOf(entry)}; expected {ENGINE, USER, PASSWORD, EXTRA_PARAMS}`)
  }
  const { ENGINE: engine, ...own } = entry
  if (typeof engine !== 'string') {
    throw new Error(`ENGINE: found ${describe(engine)}; expected the name of a driver`)
  }
  const { original = { user: undefined, password: undefined, extra: {} }, others } = splitOriginal(
    own
  )
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw new Error(`${unknown} is not known; expected ENGINE, USER, PASSWORD, EXTRA_PARAMS`)
  }
  const name = engine.toLowerCase()
  const { driver, preset } = findNamed(name, drivers) ?? findNamed('libcloud', drivers) ?? {}
  if (driver?.fromOriginal === undefined) {
    throw new Error(`ENGINE: found "${engine}"; expected one of ${[...drivers.keys()].join(', ')}`)
  }
  const { settings, notes = [] } = driver.fromOriginal({ ...original, engine: name })
  return { entry: { driver: driver.name, ...settings, ...preset }, notes }
}

/**
 * Converts the content of a file of the original Orchestrator to settings of this server. Adds each error to the
 * report. The notes are sentences about what the user should check.
 */
export function convertOriginal (
  { CLOUD_FARM: farm, ...others }: OriginalFile,
  drivers: Drivers,
  report: Report
) {
  const notes: string[] = []
  const clouds: Record<string, object> = {}
  if (!isMap(farm)) {
    report.add('CLOUD_FARM', `found ${describe(farm)}; expected a map of a name to {ENGINE, …}`)
  }
  for (const [original, value] of Object.entries(isMap(farm) ? farm : {})) {
    const name = toCloudName(original)
    const path = `CLOUD_FARM.${original}`
    if (name in clouds) {
      report.add(path, `the name becomes "${name}", as that of another cloud; rename one of them`)
    }
    if (name !== original) {
      notes.push(`The cloud "${original}" is named ${name} here; /api/v1 accepts both names.`)
    }
    try {
      const converted = convertEntry(value, drivers)
      clouds[name] = converted.entry
      notes.push(...converted.notes.map((note) => `${original}: ${note}`))
    } catch (error) {
      report.add(path, (error as Error).message)
    }
  }
  const isOurs = (name: string) => name in ServerSettings.properties
  const ignored = Object.keys(others).filter((name) => !isOurs(name) && name === name.toUpperCase())
  if (ignored.length > 0) notes.push(`Not used by this server: ${ignored.join(', ')}.`)
  const kept = Object.fromEntries(
    Object.entries(others).filter(([name]) => !ignored.includes(name))
  )
  return { settings: { ...kept, clouds }, notes }
}
