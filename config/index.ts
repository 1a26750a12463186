import path from 'node:path'
import type { TObject, TSchema } from 'typebox'
import type { Driver } from '../drivers/driver.ts'
import { readSettings, type SettingError } from '../drivers/settings.ts'
import { expand } from './expand.ts'
import { readSettingsFile } from './file.ts'
import { CloudEntry, cloudName, ServerSettings, type CloudSettings, type Settings } from './schema.ts'

export type { CloudSettings, Settings } from './schema.ts'

export interface SettingsInput {
  /** The file that `--config` names. */
  config?: string | undefined
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  drivers: ReadonlyMap<string, { driver: Driver }>
}

/** Every error of the settings, one a line: file, path, what was found, what is expected. */
export class SettingsError extends Error {
  readonly errors: string[]
  constructor (errors: string[]) {
    super(`The settings have ${errors.length === 1 ? 'an error' : `${errors.length} errors`}:\n${errors.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
    this.errors = errors
  }
}

/** Environment variable → the setting it goes over. */
const variables: Record<string, (value: string) => Record<string, unknown>> = {
  PORT: (value) => ({ port: /^\d+$/.test(value) ? Number(value) : value }),
  HOST: (host) => ({ host }),
  LOG_LEVEL: (level) => ({ log_level: level }),
  LOG_REQUESTS: (value) => ({ log_requests: value === 'true' ? true : value === 'false' ? false : value }),
  STORE_FILE: (file) => ({ store: { file } })
}

const loopback = /^(127(\.\d+){3}|::1|localhost)$/

/**
 * The settings: the file (or the default farm), `${VARIABLE}` and `file:` filled in, the environment over the server's
 * own. Throws SettingsError with all there is to correct.
 */
export function loadSettings ({ config, env, cwd, drivers }: SettingsInput): Settings {
  const raw = readSettingsFile(config ?? env['ORCHESTRATOR_CONFIG'], cwd)
  const name = raw.file ?? 'settings'
  if (raw.error !== undefined) throw new SettingsError([`${name}: ${raw.error}`])
  if (raw.content === null || typeof raw.content !== 'object' || Array.isArray(raw.content)) {
    throw new SettingsError([`${name}: is ${describe(raw.content)}; expected a map with \`clouds\``])
  }

  const { value, secret, errors } = expand(raw.content, { directory: raw.directory, env })
  const lines = errors.map(({ path, message }) => `${name}: ${path} ${message}`)
  const failed = new Set(errors.map(({ path }) => path))
  const { clouds: farm, ...own } = value as Record<string, unknown>

  const tell = (errors: SettingError[], found: unknown, schema: TSchema, prefix = '') => {
    for (const { path, message } of errors) {
      const full = prefix + path
      if (failed.has(full)) continue
      const shown = secret.has(full) || isPassword(schema, path) ? kindOf(at(found, path)) : describe(at(found, path))
      const what = message.startsWith('is ') ? '' : `: found ${shown}`
      lines.push(`${name}: ${full}${what}${what === '' ? ' ' : '; '}${message}`)
    }
  }

  const over = Object.entries(variables).filter(([variable]) => (env[variable] ?? '') !== '')
  for (const [variable, set] of over) Object.assign(own, set(env[variable]!))
  const server = readSettings(ServerSettings, own)
  tell(server.errors, own, ServerSettings)
  const settings = server.settings as ServerSettings
  if (server.errors.length === 0) {
    if (settings.store.file !== ':memory:') settings.store.file = path.resolve(raw.directory, settings.store.file)
    if (!loopback.test(settings.host) && !settings.insecure) {
      lines.push(`${name}: host: found "${settings.host}"; this server does not check who calls, so anybody who reaches that address ` +
        'could destroy your nodes; use a loopback address (127.0.0.1), or set `insecure: true` where the network itself is guarded')
    }
  }

  const dataDirectory = path.dirname(path.resolve(raw.directory, settings.store?.file ?? './data/orchestrator.db'))
  const clouds: CloudSettings[] = []
  for (const [cloud, entry] of Object.entries(asMap(farm, lines, name))) {
    const prefix = `clouds.${cloud}.`
    const given = asEntry(entry, `${name}: clouds.${cloud}`, lines)
    if (given === undefined) continue
    const common = readSettings(CloudEntry, pick(given, CloudEntry))
    tell(common.errors, given, CloudEntry, prefix)
    if (common.errors.length > 0) continue
    const { driver: driverName, locations, ...rest } = common.settings as typeof common.settings & CloudSettings & { locations?: string[] }
    const driver = drivers.get(driverName)?.driver
    if (driver === undefined) {
      lines.push(`${name}: ${prefix}driver: found "${driverName}"; expected one of ${[...drivers.keys()].join(', ')}`)
      continue
    }
    for (const location of locations ?? [undefined]) {
      const full = location === undefined ? cloud : `${cloud}-${location.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
      if (!cloudName.test(full)) {
        lines.push(`${name}: clouds.${cloud}: found the name "${full}"; expected ${String(cloudName)}`)
        continue
      }
      if (clouds.some((other) => other.name === full)) {
        lines.push(`${name}: clouds.${cloud}: found the name "${full}" twice; expected one cloud of each name`)
        continue
      }
      const own = { ...omit(given, CloudEntry), ...(location === undefined ? {} : { [driver.locationSetting]: location }) }
      try {
        const resolved = driver.resolve?.(own, { cloud: full, directory: raw.directory, dataDirectory, env }) ?? own
        const checked = readSettings(driver.settings, resolved)
        tell(checked.errors, resolved, driver.settings, prefix)
        clouds.push({ ...rest, name: full, driver: driverName, settings: checked.settings as Record<string, unknown> })
      } catch (error) {
        lines.push(`${name}: clouds.${cloud}: ${(error as Error).message}`)
      }
    }
  }
  if (clouds.length === 0 && lines.length === 0) lines.push(`${name}: clouds is empty; expected at least one cloud`)

  if (lines.length > 0) throw new SettingsError([...new Set(lines)])
  const isDefault = ({ name }: CloudSettings) => name === 'default'
  return { ...settings, clouds: [...clouds.filter(isDefault), ...clouds.filter((cloud) => !isDefault(cloud))] }
}

function asMap (farm: unknown, lines: string[], name: string): Record<string, unknown> {
  if (farm !== null && typeof farm === 'object' && !Array.isArray(farm)) return farm as Record<string, unknown>
  lines.push(`${name}: clouds: found ${describe(farm)}; expected a map of a name to {driver, …}`)
  return {}
}

function asEntry (entry: unknown, place: string, lines: string[]) {
  if (entry !== null && typeof entry === 'object' && !Array.isArray(entry)) return entry as Record<string, unknown>
  lines.push(`${place}: found ${kindOf(entry)}; expected {driver, …}`)
  return undefined
}

const keysOf = (schema: TObject) => new Set(Object.keys(schema.properties))
const pick = (given: object, schema: TObject) => Object.fromEntries(Object.entries(given).filter(([key]) => keysOf(schema).has(key)))
const omit = (given: object, schema: TObject) => Object.fromEntries(Object.entries(given).filter(([key]) => !keysOf(schema).has(key)))

const at = (value: unknown, path: string) =>
  path === '' ? value : path.split('.').reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], value)

const isPassword = (schema: TSchema, path: string) => {
  const place = path.split('.').reduce<TSchema | undefined>((here, key) =>
    (here as { properties?: Record<string, TSchema> } | undefined)?.properties?.[key], schema)
  // What the schema does not know may be a secret under a misspelt name.
  return place === undefined || (place as { format?: string }).format === 'password'
}

const kindOf = (value: unknown) => {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`
}

const describe = (value: unknown) =>
  value !== undefined && value !== null && typeof value !== 'object' ? JSON.stringify(value) : kindOf(value)
