import type { TObject } from '#typebox'
import type { Driver, SettingsSource } from '../drivers/driver.ts'
import type { OutsideDriver } from '../drivers/load.ts'
import { splitOriginal } from '../drivers/original.ts'
import { readSettings } from '../drivers/settings.ts'
import { describe, isMap, kindOf, type Report } from './report.ts'
import { CloudEntry, cloudName, type CloudSettings } from './schema.ts'

export interface CloudsSource extends Omit<SettingsSource, 'cloud'> {
  drivers: ReadonlyMap<string, { driver: Driver }>
  /** The drivers from outside this package, by the path or the package that the settings name. */
  outside?: ReadonlyMap<string, OutsideDriver>
}

type CommonSettings = Omit<CloudSettings, 'name' | 'settings'> & { locations?: string[] }

/** Reads the clouds of the settings, `default` first. Adds every error to the report. */
export function readClouds (
  clouds: unknown,
  source: CloudsSource,
  report: Report
): CloudSettings[] {
  if (!isMap(clouds)) {
    report.add('clouds', `found ${describe(clouds)}; expected a map of a name to {driver, …}`)
    return []
  }
  const settings = Object.entries(clouds).flatMap(([name, entry]) =>
    readEntry(name, entry, source, report)
  )
  const names = settings.map(({ name }) => name)
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    report.add('clouds', `found the name "${name}" twice; expected one cloud of each name`)
  }
  if (Object.keys(clouds).length === 0 && report.lines.length === 0) {
    report.add('clouds', 'found an empty map; expected at least one cloud')
  }
  const isDefault = ({ name }: CloudSettings) => name === 'default'
  return [...settings.filter(isDefault), ...settings.filter((cloud) => !isDefault(cloud))]
}

/** Finds a driver by its name or an alias, with the settings that the alias implies; undefined if there is none. */
export function findNamed (name: string, drivers: CloudsSource['drivers']) {
  const driver = drivers.get(name)?.driver
  if (driver !== undefined) return { driver, preset: {} }
  for (const { driver } of drivers.values()) {
    const preset = Object.entries(driver.aliases ?? {}).find(([alias]) => alias === name)?.[1]
    if (preset !== undefined) return { driver, preset }
  }
  return undefined
}

/** Finds a driver by its name, an alias, a path or a package. Returns the reason if there is none. */
function findDriver (name: string, { drivers, outside }: CloudsSource) {
  const named = findNamed(name, drivers)
  if (named !== undefined) return named
  const loaded = outside?.get(name)
  if (loaded === undefined) {
    const names = [...drivers.keys()].join(', ')
    const error =
      `expected one of ${names}, the path of a file (./my-driver.js), or an installed package`
    return { error, defect: false }
  }
  return 'error' in loaded ? loaded : { driver: loaded.plugin.driver, preset: {} }
}

/** Returns the values of `driver` in settings that are not checked yet. */
export function listDrivers (clouds: unknown): string[] {
  return Object.values(isMap(clouds) ? clouds : {}).flatMap((entry) =>
    isMap(entry) && typeof entry['driver'] === 'string' && entry['driver'] !== ''
      ? [entry['driver']]
      : []
  )
}

/** Reads one entry: a cloud, or one cloud for each of its locations. */
function readEntry (
  name: string,
  entry: unknown,
  source: CloudsSource,
  report: Report
): CloudSettings[] {
  const path = `clouds.${name}`
  if (!isMap(entry)) {
    report.add(path, `found ${kindOf(entry)}; expected {driver, …}`)
    return []
  }
  const { common: commonInput, own: ownInput } = splitEntry(entry)
  const { settings, errors } = readSettings(CloudEntry, commonInput)
  report.addErrors(errors, entry, CloudEntry, `${path}.`)
  // Any other error does not prevent the check of the driver's own settings.
  if (errors.some(({ path }) => path === 'driver' || path.startsWith('locations'))) return []
  const { locations = [undefined], ...common } = settings as CommonSettings
  const found = findDriver(common.driver, source)
  if ('error' in found && found.defect !== true) {
    report.add(`${path}.driver`, `found "${common.driver}"; ${found.error}`)
    return []
  }
  return locations.flatMap((location) => {
    const cloud = nameOf(name, location)
    if (!cloudName.test(cloud)) {
      report.add(path, `found the name "${cloud}"; expected ${String(cloudName)}`)
      return []
    }
    // Code that cannot be used takes down its own clouds only.
    if ('error' in found) return [{ ...common, name: cloud, settings: {}, failure: found.error }]
    const { driver, preset } = found
    const converted = convert(ownInput, driver, common.driver)
    if (converted.error !== undefined) {
      report.add(path, converted.error)
      return []
    }
    const input: Record<string, unknown> = { ...converted.original, ...preset, ...converted.others }
    if (location !== undefined) input[driver.locationSetting] = location
    const settings = readDriverSettings(input, driver, { ...source, cloud }, `${path}.`, report)
    return settings === undefined ? [] : [{ ...common, driver: driver.name, name: cloud, settings }]
  })
}

/** Splits an entry into the settings that every cloud has and the settings of the driver. */
function splitEntry (entry: Record<string, unknown>) {
  const { properties }: TObject = CloudEntry
  const isCommon = ([key]: [string, unknown]) => key in properties
  const settings = Object.entries(entry)
  return {
    common: Object.fromEntries(settings.filter(isCommon)),
    own: Object.fromEntries(settings.filter((setting) => !isCommon(setting)))
  }
}

/** Converts the settings of the original Orchestrator in an entry. Returns the message of an error. */
function convert (own: Record<string, unknown>, driver: Driver, engine: string) {
  if (driver.fromOriginal === undefined) return { others: own }
  try {
    const { original, others } = splitOriginal(own)
    return { original: original && driver.fromOriginal({ ...original, engine }).settings, others }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

/** `NAME`, or `NAME-location` with the characters that a name may have. */
const nameOf = (name: string, location: string | undefined) =>
  location === undefined ? name : `${name}-${location.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`

function readDriverSettings (
  input: Record<string, unknown>,
  driver: Driver,
  source: SettingsSource,
  prefix: string,
  report: Report
) {
  try {
    const resolved = driver.resolve?.(input, source) ?? input
    const { settings, errors } = readSettings(driver.settings, resolved)
    report.addErrors(errors, resolved, driver.settings, prefix)
    return settings as Record<string, unknown>
  } catch (error) {
    report.add(prefix.slice(0, -1), (error as Error).message)
    return undefined
  }
}
