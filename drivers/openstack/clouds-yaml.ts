import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { parse } from '#yaml'
import type { SettingsSource } from '../driver.ts'
import { isFields, type Fields } from './client/errors.ts'
import { Settings } from './client/settings.ts'

/**
 * Reads the entry that `from: clouds.yaml#NAME` refers to, with the secure.yaml beside it. The
 * given settings override the entry. A bare `clouds.yaml` is searched for like OpenStack's own
 * clients do; any other path is relative to the folder of the settings. Unknown keys are ignored,
 * since other tools use them. Throws an Error that lists the searched files or the existing names.
 */
export function resolve (settings: Fields, source: SettingsSource): Fields {
  const given = withAbsoluteCacert(settings, source.directory, source)
  if (typeof settings.from !== 'string') return given
  const [, file = '', name = ''] = /^(.*?)(?:#(.*))?$/s.exec(settings.from) ?? []
  const found = findFile(file, source)
  const entry = readEntry(found, name, source)
  const problem = findUnsupported(entry)
  if (problem !== undefined) throw new Error(`from: the cloud ${name} of ${found} has ${problem}`)
  return merge(toSettings(entry, found, source), given)
}

/** Searches the folders in the order of openstacksdk (`openstack/config/loader.py`). */
function findFile (file: string, { directory, env }: SettingsSource) {
  if (file !== 'clouds.yaml') {
    const resolved = path.resolve(directory, file)
    if (!existsSync(resolved)) throw new Error(`from: there is no ${resolved}`)
    return resolved
  }
  const folders = [
    directory,
    path.join(env.HOME ?? homedir(), '.config', 'openstack'),
    '/etc/openstack'
  ]
  const files = folders.flatMap((
    folder
  ) => [path.join(folder, 'clouds.yaml'), path.join(folder, 'clouds.yml')])
  if (env.OS_CLIENT_CONFIG_FILE) files.unshift(env.OS_CLIENT_CONFIG_FILE)
  const found = files.find((place) => existsSync(place))
  if (found !== undefined) return found
  throw new Error(`from: there is no clouds.yaml; searched: ${files.join(', ')}`)
}

function readEntry (file: string, name: string, { env }: SettingsSource) {
  const clouds = readClouds(file)
  const entry = Object.hasOwn(clouds, name) ? clouds[name] : undefined
  if (!isFields(entry)) {
    const reason = name === ''
      ? 'write the name of the cloud behind #'
      : `${file} has no cloud ${name}`
    throw new Error(`from: ${reason}; there are: ${Object.keys(clouds).join(', ') || 'none'}`)
  }
  const folder = path.dirname(file)
  const places = [
    env.OS_CLIENT_SECURE_FILE || '',
    path.join(folder, 'secure.yaml'),
    path.join(folder, 'secure.yml')
  ]
  const secureFile = places.find((place) => existsSync(place))
  const secrets = secureFile === undefined ? {} : readClouds(secureFile)
  return Object.hasOwn(secrets, name) && isFields(secrets[name])
    ? merge(entry, secrets[name])
    : entry
}

function readClouds (file: string): Fields {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    // The parser's message quotes the file, which contains passwords.
    const place = (error as { linePos?: Array<{ line: number }> }).linePos?.[0]?.line
    throw new Error(
      `from: ${file} cannot be read as YAML${place === undefined ? '' : ` (line ${place})`}`
    )
  }
  const clouds = isFields(content) ? content.clouds : undefined
  return isFields(clouds) ? clouds : {}
}

/** Old names that openstacksdk still accepts. Cinder has had several service types. */
const currentNames: Readonly<Record<string, string>> = {
  endpoint_type: 'interface',
  tenant_name: 'project_name',
  tenant_id: 'project_id',
  ...Object.fromEntries(
    ['block_store', 'volume', 'volumev2', 'volumev3'].flatMap((type) =>
      ['endpoint_override', 'api_version'].map((key) => [`${type}_${key}`, `block_storage_${key}`])
    )
  )
}

/** The versions that this driver speaks. `compute_api_version` may be a microversion; each call has its own. */
const apiVersions: Readonly<Record<string, RegExp>> = {
  identity_api_version: /^3(\.|$)/,
  compute_api_version: /^2(\.|$)/,
  image_api_version: /^2(\.|$)/,
  network_api_version: /^2(\.|$)/,
  block_storage_api_version: /^[23](\.|$)/
}

/** Returns the first setting of an entry that this driver does not honour and that must not be dropped. */
function findUnsupported (entry: Fields): string | undefined {
  const top = rename(entry)
  const auth = { ...top, ...rename(isFields(entry.auth) ? entry.auth : {}) }
  if (auth.system_scope !== undefined) {
    return 'auth.system_scope: this driver needs a token of a project'
  }
  if (!hasScope(auth)) {
    const domain = ['domain_id', 'domain_name'].find((key) => auth[key] !== undefined)
    if (domain !== undefined) {
      return `auth.${domain} without a project: this driver needs a token of a project`
    }
  }
  for (const [key, pattern] of Object.entries(apiVersions)) {
    const version = top[key] as string | number | undefined | null
    if (version !== undefined && version !== null && !pattern.test(String(version))) {
      return `${key} ${version}, which this driver does not speak`
    }
  }
  return undefined
}

/** Whether the credentials have a project, a trust or an application credential; then a domain is only a default. */
const hasScope = (auth: Fields) =>
  ['project_id', 'project_name', 'trust_id', 'application_credential_secret'].some((key) =>
    auth[key] !== undefined
  )

const knownTop = Object.keys(Settings.properties).filter((key) => key !== 'auth' && key !== 'from')
const knownAuth = Object.keys(Settings.properties.auth.properties)

function pick (fields: Fields, keys: readonly string[]): Fields {
  const existing = keys.filter((key) => fields[key] !== undefined && fields[key] !== null)
  return Object.fromEntries(existing.map((key) => [key, fields[key]]))
}

const rename = (fields: Fields) =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [currentNames[key] ?? key, value])
  )

function toSettings (entry: Fields, file: string, source: SettingsSource): Fields {
  const top = rename(entry)
  const auth = pick({ ...top, ...rename(isFields(entry.auth) ? entry.auth : {}) }, knownAuth)
  const { region_name: region = firstRegion(entry.regions), block_storage_api_version: version } =
    top
  const settings = pick({
    ...top,
    region_name: region,
    block_storage_api_version: toMajor(version)
  }, knownTop)
  const resolved = {
    ...settings,
    auth: withDomains(auth, { ...top, ...isFields(entry.auth) ? entry.auth : {} })
  }
  return withAbsoluteCacert(resolved, path.dirname(file), source)
}

/** `regions` lists names, or objects with a name. Clients take the first if `region_name` is not set. */
function firstRegion (regions: unknown) {
  const first = Array.isArray(regions) ? regions[0] as unknown : undefined
  return isFields(first) ? first.name : first
}

/** `3.42` is 3. */
const toMajor = (version: unknown) =>
  typeof version === 'string' || typeof version === 'number'
    ? String(version).split('.')[0]
    : undefined

/**
 * `default_domain_*` is the domain of a user and a project that have none of their own; so is `domain_*` beside a
 * project (`_handle_domain_id` in `openstack/config/loader.py`).
 */
function withDomains (auth: Fields, raw: Fields) {
  const id = raw.domain_id ?? raw.default_domain_id
  const name = raw.domain_name ?? raw.default_domain_name
  const domain = (owner: string) => {
    if (auth[`${owner}_domain_id`] !== undefined || auth[`${owner}_domain_name`] !== undefined) {
      return {}
    }
    if (typeof id === 'string') return { [`${owner}_domain_id`]: id }
    return typeof name === 'string' ? { [`${owner}_domain_name`]: name } : {}
  }
  return { ...domain('user'), ...domain('project'), ...auth }
}

/** Merges two maps deeply. The values of `overrides` win. */
function merge (base: Fields, overrides: Fields): Fields {
  const merged = Object.entries(overrides).map(([key, value]) => {
    const other = base[key]
    return [key, isFields(value) && isFields(other) ? merge(other, value) : value]
  })
  return { ...base, ...Object.fromEntries(merged) }
}

function withAbsoluteCacert (settings: Fields, directory: string, { env }: SettingsSource): Fields {
  const { cacert } = settings
  if (typeof cacert !== 'string') return settings
  return {
    ...settings,
    cacert: path.resolve(directory, cacert.replace(/^~(?=\/)/, env.HOME ?? homedir()))
  }
}
