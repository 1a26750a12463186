import type { TObject } from 'typebox'
import type { Driver, SettingsSource } from '../drivers/driver.ts'
import { readSettings } from '../drivers/settings.ts'
import { describe, isMap, kindOf, type Report } from './report.ts'
import { CloudEntry, cloudName, type CloudSettings } from './schema.ts'

export interface CloudsSource extends Omit<SettingsSource, 'cloud'> {
  drivers: ReadonlyMap<string, { driver: Driver }>
}

type Common = Omit<CloudSettings, 'name' | 'settings'> & { locations?: string[] }

const partOf = (given: Record<string, unknown>, schema: TObject, inside: boolean) =>
  Object.fromEntries(Object.entries(given).filter(([key]) => key in schema.properties === inside))

/** `NAME`, or `NAME-location` in characters that a name may have. */
const fullName = (name: string, location: string | undefined) =>
  location === undefined ? name : `${name}-${location.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`

/** The clouds of the farm, `default` first; what is wrong with them goes into the report. */
export function readClouds (farm: unknown, source: CloudsSource, report: Report): CloudSettings[] {
  if (!isMap(farm)) {
    report.add('clouds', `found ${describe(farm)}; expected a map of a name to {driver, …}`)
    return []
  }
  const clouds = Object.entries(farm).flatMap(([name, entry]) => readEntry(name, entry, source, report))
  const names = clouds.map(({ name }) => name)
  for (const name of new Set(names.filter((one, i) => names.indexOf(one) !== i))) {
    report.add('clouds', `found the name "${name}" twice; expected one cloud of each name`)
  }
  if (Object.keys(farm).length === 0) report.add('clouds', 'found an empty map; expected at least one cloud')
  const isDefault = ({ name }: CloudSettings) => name === 'default'
  return [...clouds.filter(isDefault), ...clouds.filter((cloud) => !isDefault(cloud))]
}

/** A driver by its name or an alias, with the settings that the alias stands for. */
function findDriver (name: string, { drivers }: CloudsSource) {
  const driver = drivers.get(name)?.driver
  if (driver !== undefined) return { driver, preset: {} }
  for (const { driver: one } of drivers.values()) {
    const preset = one.aliases?.[name]
    if (preset !== undefined) return { driver: one, preset }
  }
  return undefined
}

/** One entry: a cloud, or one for each of its locations. */
function readEntry (name: string, entry: unknown, source: CloudsSource, report: Report): CloudSettings[] {
  const place = `clouds.${name}`
  if (!isMap(entry)) {
    report.add(place, `found ${kindOf(entry)}; expected {driver, …}`)
    return []
  }
  const { settings, errors } = readSettings(CloudEntry, partOf(entry, CloudEntry, true))
  report.misfits(errors, entry, CloudEntry, `${place}.`)
  // With a driver, what is wrong with its own settings is told beside that.
  if (errors.some(({ path }) => path === 'driver' || path.startsWith('locations'))) return []
  const { locations, ...common } = settings as Common
  const found = findDriver(common.driver, source)
  if (found === undefined) {
    report.add(`${place}.driver`, `found "${common.driver}"; expected one of ${[...source.drivers.keys()].join(', ')}`)
    return []
  }
  const { driver, preset } = found
  return (locations ?? [undefined]).flatMap((location) => {
    const cloud = fullName(name, location)
    if (!cloudName.test(cloud)) {
      report.add(place, `found the name "${cloud}"; expected ${String(cloudName)}`)
      return []
    }
    const where = location === undefined ? {} : { [driver.locationSetting]: location }
    const own = { ...preset, ...partOf(entry, CloudEntry, false), ...where }
    const settings = readOwn(own, driver, { ...source, cloud }, `${place}.`, report)
    return settings === undefined ? [] : [{ ...common, driver: driver.name, name: cloud, settings }]
  })
}

/** The settings of the driver itself. */
function readOwn (given: Record<string, unknown>, driver: Driver, source: SettingsSource, prefix: string, report: Report) {
  try {
    const resolved = driver.resolve?.(given, source) ?? given
    const { settings, errors } = readSettings(driver.settings, resolved)
    report.misfits(errors, resolved, driver.settings, prefix)
    return settings as Record<string, unknown>
  } catch (error) {
    report.add(prefix.slice(0, -1), (error as Error).message)
    return undefined
  }
}
