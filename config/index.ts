import path from 'node:path'
import type { Driver, DriverPlugin } from '../drivers/driver.ts'
import { loadDrivers, loadOutsideDrivers, type OutsideDriver } from '../drivers/load.ts'
import { readSettings } from '../drivers/settings.ts'
import { isHostName, isNetwork, isOrigin, isProxy } from './addresses.ts'
import { checkAuth } from './auth.ts'
import { listDrivers, readClouds } from './clouds.ts'
import { escapeTexts, expand, textPaths } from './expand.ts'
import { checkExposure, readTls } from './exposure.ts'
import { readSettingsFile } from './file.ts'
import { convertOriginal, isOriginalFile } from './original.ts'
import { createReport, describe, isMap, SettingsError, type Report } from './report.ts'
import { ServerSettings, type Settings, type StoreSettings } from './schema.ts'
import { createAddressCheck } from './webhook-addresses.ts'
import { findUrlError } from './webhook-url.ts'

export type { IssuerSettings } from './auth.ts'
export type { CloudSettings, PostgresSettings, Settings, StoreSettings } from './schema.ts'
export { SettingsError } from './report.ts'

export interface SettingsInput {
  /** The file that `--config` names. */
  config?: string
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  drivers: ReadonlyMap<string, { driver: Driver }>
  /** The drivers from outside this package, by the path or the package that the settings name. */
  outside?: ReadonlyMap<string, OutsideDriver>
}

const toBoolean = (value: string) => value === 'true' ? true : value === 'false' ? false : value

/** The environment variables that override a setting of the server. */
const variables: Record<
  string,
  (value: string, input: Record<string, unknown>) => Record<string, unknown>
> = {
  PORT: (value) => ({ port: /^\d+$/.test(value) ? Number(value) : value }),
  HOST: (value) => ({ host: value }),
  LOG_LEVEL: (value) => ({ log_level: value }),
  LOG_REQUESTS: (value) => ({ log_requests: toBoolean(value) }),
  // Beside a URL it names only the folder for other data.
  STORE_FILE: (file, { store }) =>
    isMap(store) && store['url'] !== undefined ? {} : { store: { file } },
  DATABASE_URL: (url, { store }) => {
    const { file: _, ...others } = isMap(store) ? store : {}
    return { store: { ...others, url } }
  }
}

const inMemory = ':memory:'

/** Loads the built-in drivers and those that the settings name, then reads the settings. Throws SettingsError. */
export async function loadServer (input: Omit<SettingsInput, 'drivers' | 'outside'>) {
  const { config, env, cwd } = input
  const builtIn = await loadDrivers()
  const { directory, content } = readSettingsFile(config ?? env['ORCHESTRATOR_CONFIG'], cwd)
  // loadSettings reports the errors of the file.
  const { value } = expand(content, { directory, env })
  const known = new Set(
    [...builtIn.values()].flatMap((
      { driver: { name, aliases = {} } }
    ) => [name, ...Object.keys(aliases)])
  )
  const references = listDrivers(isMap(value) ? value['clouds'] : undefined).filter((name) =>
    !known.has(name)
  )
  const outside = await loadOutsideDrivers(references, directory, builtIn)
  const plugins = [...outside.values()].flatMap((loaded) =>
    'plugin' in loaded ? [loaded.plugin] : []
  )
  const drivers: ReadonlyMap<string, DriverPlugin> = new Map([
    ...builtIn,
    ...plugins.map((plugin) => [plugin.driver.name, plugin] as const)
  ])
  return { settings: loadSettings({ ...input, drivers, outside }), drivers }
}

/**
 * Reads the settings: the file (or the default settings), with `${VARIABLE}` and `file:` expanded, and the server's own
 * settings overridden by the environment. Throws SettingsError with all errors.
 */
export function loadSettings ({ config, env, cwd, drivers, outside }: SettingsInput): Settings {
  const { file, directory, content, error } = readSettingsFile(
    config ?? env['ORCHESTRATOR_CONFIG'],
    cwd
  )
  const name = file ?? 'settings'
  if (error !== undefined) throw new SettingsError([`${name}: ${error}`])
  if (!isMap(content)) {
    throw new SettingsError([`${name}: is ${describe(content)}; expected a map with \`clouds\``])
  }

  const { value, secretPaths, errors } = isOriginalFile(content)
    ? { value: content, secretPaths: new Set<string>(), errors: [] }
    : expand(content, { directory, env })
  const report = createReport({
    file: name,
    secretPaths,
    reportedPaths: new Set(errors.map(({ path }) => path))
  })
  // The URL of a database has its password.
  for (const name of ['store.url', 'store.direct_url', 'webhooks.proxy']) secretPaths.add(name)
  for (const { path, message } of errors) report.add(path, message)

  const settings = isOriginalFile(value) ? convertOriginal(value, drivers, report).settings : value
  if (isOriginalFile(value)) { for (const path of textPaths(settings)) secretPaths.add(path) }
  const { clouds: entries, ...serverInput } = settings as Record<string, unknown>
  for (const [variable, toSetting] of Object.entries(variables)) {
    const override = env[variable]
    if (override === undefined || override === '') continue
    Object.assign(serverInput, toSetting(override, serverInput))
  }
  // `auth:` without a value must not leave the server open.
  if (serverInput['auth'] === null) serverInput['auth'] = {}
  const server = readServerSettings(serverInput, report)
  const tls = server?.tls === undefined ? undefined : readTls(server.tls, directory, report)

  const store = readStore(server?.store, directory, report)
  const dataDirectory = path.dirname(path.resolve(directory, dataFile(store, env)))
  const clouds = readClouds(entries, { directory, dataDirectory, env, drivers, outside }, report)

  if (server === undefined || report.lines.length > 0) {
    throw new SettingsError([...new Set(report.lines)])
  }
  return {
    ...server,
    store,
    dataDirectory,
    tls,
    audit: resolveFile(server.audit, directory),
    clouds
  }
}

const defaultStoreFile = './data/orchestrator.db'

/** The file in whose folder the server keeps its data. */
function dataFile (store: StoreSettings, env: SettingsInput['env']): string {
  const file = store.url === undefined ? store.file : env['STORE_FILE'] ?? ''
  return file === '' || file === inMemory ? defaultStoreFile : file
}

/** Reads where the store is. Without valid settings it is in memory. */
function readStore (
  store: ServerSettings['store'] | undefined,
  directory: string,
  report: Report
): StoreSettings {
  if (store === undefined) return { file: inMemory }
  const { file, url, direct_url: direct, ...others } = store
  if (url === undefined) {
    if (direct !== undefined) report.add('store.direct_url', 'needs `url` beside it')
    const name = file ?? defaultStoreFile
    return { file: name === inMemory ? inMemory : path.resolve(directory, name) }
  }
  if (file !== undefined) report.add('store', 'has `file` and `url`; expected one of them')
  return { url, direct_url: direct, ...others }
}

/** Resolves the path of the audit file. */
const resolveFile = <T extends { file?: string }>(
  audit: T | undefined,
  directory: string
): T | undefined =>
    audit?.file === undefined ? audit : { ...audit, file: path.resolve(directory, audit.file) }

/**
 * Returns the settings of a file of the original Orchestrator in the form of this server, with sentences about what to
 * check. The values contain the credentials of the file. Throws SettingsError.
 */
export async function convertSettings (config: string, cwd: string) {
  const { file, content, error } = readSettingsFile(config, cwd)
  if (error !== undefined) throw new SettingsError([`${file}: ${error}`])
  if (!isOriginalFile(content)) {
    throw new SettingsError([
      `${file}: has no CLOUD_FARM; expected a settings file of the original Orchestrator`
    ])
  }
  const report = createReport({ file: file!, secretPaths: new Set(), reportedPaths: new Set() })
  const { settings, notes } = convertOriginal(content, await loadDrivers(), report)
  if (report.lines.length > 0) throw new SettingsError(report.lines)
  try {
    return { settings: escapeTexts(settings) as object, notes }
  } catch (error) {
    throw new SettingsError([`${file}: ${(error as Error).message}`])
  }
}

/** Reads the server's own settings; returns undefined if they are not valid. */
function readServerSettings (input: Record<string, unknown>, report: Report) {
  const { settings, errors } = readSettings(ServerSettings, input)
  report.addErrors(errors, input, ServerSettings)
  if (errors.length > 0) return undefined
  const server = settings as ServerSettings
  checkExposure(server, report)
  if (server.auth !== undefined) checkAuth(server.auth, report)
  checkWebhooks(server.webhooks, report)
  for (const { path, values, isValid, expected } of checkedLists(server)) {
    values.forEach((value, i) => {
      if (!isValid(value)) report.add(`${path}.${i}`, `found "${value}"; expected ${expected}`)
    })
  }
  return server
}

/** Adds an error for each URL of a webhook that may not be used. The URL may contain a secret, so it is not shown. */
function checkWebhooks (webhooks: ServerSettings['webhooks'], report: Report) {
  const { allow_http: allowHttp, allow_addresses: allowed, subscriptions } = webhooks
  if (!allowed.every(isNetwork)) return
  const rules = { allowHttp, mayConnect: createAddressCheck(allowed) }
  const names = subscriptions.map(({ name }) => name)
  subscriptions.forEach(({ name, url }, i) => {
    const error = findUrlError(url, rules)
    if (error !== undefined) report.add(`webhooks.subscriptions.${i}.url`, error)
    if (names.indexOf(name) !== i) {
      report.add(`webhooks.subscriptions.${i}.name`, `found "${name}" twice; expected different names`)
    }
  })
}

/** The lists whose values need more than a schema. */
const checkedLists = (
  { allowed_hosts: hosts, trust_proxy: proxies, cors: { origins }, webhooks }: ServerSettings
) => [
  {
    path: 'webhooks.allow_addresses',
    values: webhooks.allow_addresses,
    isValid: isNetwork,
    expected: 'an address, or a network such as 10.20.0.0/16'
  },
  {
    path: 'allowed_hosts',
    values: hosts,
    isValid: isHostName,
    expected: 'a name such as api.example.org: no port, no *'
  },
  {
    path: 'trust_proxy',
    values: proxies,
    isValid: isProxy,
    expected: 'an address, a network such as 10.0.0.0/8, or one of loopback, linklocal, uniquelocal'
  },
  {
    path: 'cors.origins',
    values: origins,
    isValid: isOrigin,
    expected:
      'an origin as browsers send it, such as https://portal.example.org or http://localhost:3000: no path, no ' +
      'default port, no *'
  }
]
