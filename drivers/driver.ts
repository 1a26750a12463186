import path from 'node:path'
import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { Static, TObject } from 'typebox'
import type { Capability } from '../openapi/model/index.ts'
import type { Call, Log } from './call.ts'
import type { CapabilityDetails } from './capabilities.ts'
import { createHttpClient, type HttpClient } from './http.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { pathOf, services, type ServiceName, type Services } from './services.ts'
import { readSettings } from './settings.ts'

export { describe, type CapabilityDetails } from './capabilities.ts'
export * from './services.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The connection of each cloud, by the cloud's name. */
    clouds: Record<string, Connection>
  }
}

/**
 * A connection to one cloud: one service for each resource the cloud has. All methods throw ProblemError of the
 * catalogue in openapi/model/problem.ts and nothing else on purpose.
 */
export interface Connection extends Services {
  readonly cloud: string
  readonly driver: string
  /** Host of the cloud's API; null where it has none. */
  readonly host: string | null
  /** The region it stands for. */
  readonly location: string | null
  /** What fits no pattern cannot be an id of that service, and is not asked for. */
  readonly ids: Readonly<Record<string, RegExp>>
  /** Service → method → its parameters, filters and limits. May change once the cloud's version is known. */
  readonly capabilities?: { readonly [S in ServiceName]?: Readonly<Record<string, CapabilityDetails>> }
  readonly details?: Readonly<Record<string, CapabilityDetails>>
  /** What the protection of a node forbids: its end alone, or, where not given, every change. */
  readonly protects?: 'destroy'
  /** Resolves when the cloud answers and takes the credentials; throws the problem otherwise. */
  check (call: Call): Promise<void>
  /** Drops token, catalog and caches, so that the next call reads them anew. */
  refresh (): void
  close? (): Promise<void>
}

/** The fields that tell a resource's origin. */
export interface Identity {
  id: string
  cloud: string
  driver: string
  location: string | null
  self: string
}

/** What a driver is handed to make one connection. */
export interface Context {
  /** The cloud's name. */
  cloud: string
  log: Log
  /** Milliseconds that one call may take. */
  timeout: number
  maxInFlight: number
  /** The limit of calls in flight, for drivers whose SDK sends by itself; the HTTP client has it built in. */
  limit: Limiter
  http (tls: { ca?: string, verify?: boolean }): HttpClient
  /** Origin of a resource: `identify('key_pairs', id, …)` has its path under this cloud. */
  identify (service: ServiceName, id: string, location: string | null): Identity
}

/** Where settings come from, for drivers that look beside them. */
export interface SettingsSource {
  cloud: string
  /** Folder that relative paths refer to. */
  directory: string
  /** Folder for what must outlive the server. */
  dataDirectory: string
  env: Readonly<Record<string, string | undefined>>
}

export interface Driver<Settings extends TObject = TObject> {
  name: string
  /** What it connects to, in a few words. */
  title: string
  settings: Settings
  /** The setting that an entry of `locations` sets. */
  locationSetting: string
  /** Other names under which an entry may ask for it, each with the settings it stands for. */
  aliases?: Readonly<Record<string, Record<string, unknown>>>
  /**
   * Fills in what is meant before the settings are checked: defaults that depend on the cloud, another file. What it
   * returns must stay as it is when it is resolved again.
   */
  resolve? (settings: Record<string, unknown>, source: SettingsSource): Record<string, unknown>
  /** What this driver alone can do at the creation of a node: `provider_options.<driver>`. */
  createOptions?: TObject
  connect (settings: Static<Settings>, context: Context): Connection
}

export interface DriverOptions {
  /** Name of the cloud. */
  name: string
  /** Seconds that one call may take; 30 where not given. */
  timeout?: number
  /** Calls in flight at once; 32 where not given. */
  max_in_flight?: number
  [setting: string]: unknown
}

export type DriverPlugin = FastifyPluginAsync<DriverOptions> & { driver: Driver }

export const userAgent = 'cloud-orchestrator'

/**
 * Makes a driver the Fastify plugin that adds one named cloud: `fastify.register(openstack, { name: 'default', … })`
 * connects lazily and sets `fastify.clouds.default`. Throws at registration where the settings do not fit.
 */
export function defineDriver<Settings extends TObject> (driver: Driver<Settings>): DriverPlugin {
  const plugin = async (fastify: FastifyInstance, options: DriverOptions) => {
    const { name, timeout = 30, max_in_flight: maxInFlight = 32, ...given } = options
    // Settings that the farm has read are resolved already, which changes nothing then.
    const source = { cloud: name, directory: process.cwd(), dataDirectory: path.resolve('data'), env: process.env }
    const { settings, errors } = readSettings(driver.settings, driver.resolve?.(given, source) ?? given)
    if (errors.length > 0) {
      throw new Error(`cloud ${name}: ${errors.map(({ path, message }) => `${path} ${message}`).join('; ')}`)
    }
    if (!fastify.hasDecorator('clouds')) fastify.decorate('clouds', Object.create(null))
    if (name in fastify.clouds) throw new Error(`cloud ${name} is there already`)
    const context = createContext(driver.name, name, timeout * 1000, maxInFlight, fastify.log)
    const connection = driver.connect(settings as Static<Settings>, context)
    fastify.clouds[name] = connection
    fastify.addHook('onClose', async () => connection.close?.())
  }
  return Object.assign(fp(plugin, { name: `driver-${driver.name}`, fastify: '5.x' }), { driver: driver as unknown as Driver })
}

function createContext (driver: string, cloud: string, timeout: number, maxInFlight: number, log: Log): Context {
  return {
    cloud,
    log,
    timeout,
    maxInFlight,
    limit: createLimiter(maxInFlight),
    http: (tls) => createHttpClient({ timeout, maxInFlight, userAgent, ...tls }),
    identify: (service, id, location) =>
      ({ id, cloud, driver, location, self: `/api/v2/clouds/${cloud}/${pathOf(service)}/${encodeURIComponent(id)}` })
  }
}

/** Returns a capability of a connection; undefined if the connection lacks the method. */
export function capabilityOf (connection: Connection, name: string): Capability | undefined {
  const [service, method] = name.split('.') as [ServiceName, string]
  if (typeof (connection[service] as Record<string, unknown> | undefined)?.[method] !== 'function') return undefined
  const details = connection.capabilities?.[service]?.[method] ?? connection.details?.[name]
  return { parameters: [], required: [], filters: [], limits: {}, ...details }
}

/** Returns all capabilities of a connection by name: its methods with the details that the driver describes. */
export function capabilitiesOf (connection: Connection): Record<string, Capability> {
  const names = services.flatMap((service) => Object.keys(connection[service] ?? {})
    .filter((method) => method !== 'findCreated')
    .map((method) => `${service}.${method}`))
  return Object.fromEntries(names.flatMap((name) => {
    const capability = capabilityOf(connection, name)
    return capability === undefined ? [] : [[name, capability]]
  }))
}
