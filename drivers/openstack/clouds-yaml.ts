import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { parse } from 'yaml'
import type { SettingsSource } from '../driver.ts'
import { Settings } from './client/settings.ts'

type Fields = Record<string, unknown>

/**
 * Follows `from: clouds.yaml#NAME`: the entry of the user's own file, with secure.yaml beside it, below the settings
 * that are given here. A bare `clouds.yaml` is looked for where OpenStack's own clients look, any other path from the
 * folder of the settings. Keys of the file that are not known here are left out: other tools use them. Throws an Error
 * that says what was searched, or which names there are.
 */
export function resolve (settings: Fields, source: SettingsSource): Fields {
  const given = typeof settings.cacert === 'string'
    ? { ...settings, cacert: absolute(settings.cacert, source.directory, source) }
    : settings
  if (typeof settings.from !== 'string') return given
  const [, file = '', name = ''] = /^(.*?)(?:#(.*))?$/s.exec(settings.from) ?? []
  const found = findFile(file, source)
  return merge(toSettings(readEntry(found, name, source), found, source), given)
}

/** In the order of openstacksdk (`openstack/config/loader.py`). */
function findFile (file: string, { directory, env }: SettingsSource) {
  if (file !== 'clouds.yaml') {
    const one = path.resolve(directory, file)
    if (!existsSync(one)) throw new Error(`from: there is no ${one}`)
    return one
  }
  const folders = [directory, path.join(env.HOME ?? homedir(), '.config', 'openstack'), '/etc/openstack']
  const places = [
    ...(env.OS_CLIENT_CONFIG_FILE ? [env.OS_CLIENT_CONFIG_FILE] : []),
    ...folders.flatMap((folder) => [path.join(folder, 'clouds.yaml'), path.join(folder, 'clouds.yml')])
  ]
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw new Error(`from: there is no clouds.yaml; searched: ${places.join(', ')}`)
  return found
}

function readEntry (file: string, name: string, { env }: SettingsSource) {
  const clouds = readClouds(file)
  const entry = Object.hasOwn(clouds, name) ? clouds[name] : undefined
  if (!isFields(entry)) {
    const what = name === '' ? 'from: write the name of the cloud behind #' : `from: ${file} has no cloud ${name}`
    throw new Error(`${what}; there are: ${Object.keys(clouds).join(', ') || 'none'}`)
  }
  const beside = ['secure.yaml', 'secure.yml'].map((secure) => path.join(path.dirname(file), secure))
  const secure = [...(env.OS_CLIENT_SECURE_FILE ? [env.OS_CLIENT_SECURE_FILE] : []), ...beside].find((place) => existsSync(place))
  const secrets = secure === undefined ? {} : readClouds(secure)
  return Object.hasOwn(secrets, name) && isFields(secrets[name]) ? merge(entry, secrets[name]) : entry
}

function readClouds (file: string): Fields {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    // The parser's message quotes the file, and there are passwords in it.
    const place = (error as { linePos?: Array<{ line: number }> }).linePos?.[0]?.line
    throw new Error(`from: ${file} cannot be read as YAML${place === undefined ? '' : ` (line ${place})`}`)
  }
  const clouds = isFields(content) ? content.clouds : undefined
  return isFields(clouds) ? clouds : {}
}

/** Names that openstacksdk still takes for others. */
const older: Readonly<Record<string, string>> = { endpoint_type: 'interface', tenant_name: 'project_name', tenant_id: 'project_id' }

const known = Object.keys(Settings.properties)
const knownAuth = Object.keys(Settings.properties.auth.properties)

const pick = (from: Fields, keys: readonly string[]) =>
  Object.fromEntries(keys.filter((key) => from[key] !== undefined && from[key] !== null).map((key) => [key, from[key]]))

const renamed = (from: Fields) => Object.fromEntries(Object.entries(from).map(([key, value]) => [older[key] ?? key, value]))

function toSettings (entry: Fields, file: string, source: SettingsSource): Fields {
  const top = renamed(entry)
  const auth = pick({ ...top, ...renamed(isFields(entry.auth) ? entry.auth : {}) }, knownAuth)
  const settings = pick(top, known.filter((key) => key !== 'auth' && key !== 'from'))
  const region = settings.region_name ?? firstRegion(entry.regions)
  return {
    ...settings,
    auth: withDomains(auth, entry.auth),
    ...(region === undefined ? {} : { region_name: region }),
    ...(typeof settings.cacert === 'string' ? { cacert: absolute(settings.cacert, path.dirname(file), source) } : {})
  }
}

/** `regions` lists names, or objects with a name; a client takes the first where `region_name` is not set. */
function firstRegion (regions: unknown) {
  const first = Array.isArray(regions) ? regions[0] as unknown : undefined
  return isFields(first) ? first.name : first
}

/** `default_domain_*` stands for the domains of user and project that are not named. */
function withDomains (auth: Fields, raw: unknown) {
  const { default_domain_id: id, default_domain_name: name } = isFields(raw) ? raw : {}
  const domain = (owner: string) => {
    if (auth[`${owner}_domain_id`] !== undefined || auth[`${owner}_domain_name`] !== undefined) return {}
    if (typeof id === 'string') return { [`${owner}_domain_id`]: id }
    return typeof name === 'string' ? { [`${owner}_domain_name`]: name } : {}
  }
  return { ...domain('user'), ...domain('project'), ...auth }
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Deep: what the second has wins. */
function merge (below: Fields, above: Fields): Fields {
  const both = Object.entries(above).map(([key, value]) => {
    const under = below[key]
    return [key, isFields(value) && isFields(under) ? merge(under, value) : value]
  })
  return { ...below, ...Object.fromEntries(both) }
}

function absolute (file: string, directory: string, { env }: SettingsSource) {
  return path.resolve(directory, file.replace(/^~(?=\/)/, env.HOME ?? homedir()))
}
