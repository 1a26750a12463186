import path from 'node:path'
import type { Driver } from '../drivers/driver.ts'
import { readSettings } from '../drivers/settings.ts'
import { readClouds } from './clouds.ts'
import { expand } from './expand.ts'
import { readSettingsFile } from './file.ts'
import { createReport, describe, isMap, SettingsError } from './report.ts'
import { ServerSettings, type Settings } from './schema.ts'

export type { CloudSettings, Settings } from './schema.ts'
export { SettingsError } from './report.ts'

export interface SettingsInput {
  /** The file that `--config` names. */
  config?: string | undefined
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  drivers: ReadonlyMap<string, { driver: Driver }>
}

const yesOrNo = (value: string) => value === 'true' ? true : value === 'false' ? false : value

/** Environment variable → the setting it goes over. */
const variables: Record<string, (value: string) => Record<string, unknown>> = {
  PORT: (value) => ({ port: /^\d+$/.test(value) ? Number(value) : value }),
  HOST: (host) => ({ host }),
  LOG_LEVEL: (level) => ({ log_level: level }),
  LOG_REQUESTS: (value) => ({ log_requests: yesOrNo(value) }),
  STORE_FILE: (file) => ({ store: { file } })
}

const loopback = /^(127(\.\d+){3}|::1|localhost)$/
const inMemory = ':memory:'

/**
 * The settings: the file (or the default farm), `${VARIABLE}` and `file:` filled in, the environment over the server's
 * own. Throws SettingsError with all there is to correct.
 */
export function loadSettings ({ config, env, cwd, drivers }: SettingsInput): Settings {
  const { file, directory, content, error } = readSettingsFile(config ?? env['ORCHESTRATOR_CONFIG'], cwd)
  const name = file ?? 'settings'
  if (error !== undefined) throw new SettingsError([`${name}: ${error}`])
  if (!isMap(content)) throw new SettingsError([`${name}: is ${describe(content)}; expected a map with \`clouds\``])

  const { value, secret, errors } = expand(content, { directory, env })
  const report = createReport({ file: name, secret, told: new Set(errors.map(({ path }) => path)) })
  for (const { path, message } of errors) report.add(path, message)

  const { clouds: farm, ...own } = value as Record<string, unknown>
  for (const [variable, over] of Object.entries(variables)) {
    const set = env[variable]
    if (set !== undefined && set !== '') Object.assign(own, over(set))
  }
  const { settings, errors: misfits } = readSettings(ServerSettings, own)
  report.misfits(misfits, own, ServerSettings)
  const server = settings as ServerSettings
  if (misfits.length === 0 && !loopback.test(server.host) && !server.insecure) {
    report.add('host', `found "${server.host}"; this server does not check who calls, so anybody who reaches that address ` +
      'could destroy your nodes; use a loopback address (127.0.0.1), or set `insecure: true` where the network itself is guarded')
  }

  const storeFile = misfits.length === 0 ? server.store.file : inMemory
  const dataDirectory = storeFile === inMemory ? path.resolve(directory, 'data') : path.dirname(path.resolve(directory, storeFile))
  const clouds = readClouds(farm, { directory, dataDirectory, env, drivers }, report)

  if (report.lines.length > 0) throw new SettingsError([...new Set(report.lines)])
  return { ...server, store: { file: storeFile === inMemory ? inMemory : path.resolve(directory, storeFile) }, clouds }
}
