import path from 'node:path'
import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { Static, TObject } from '#typebox'
import type { Capability, DriverProvider, ProblemError } from '../openapi/model/index.ts'
import { withDefaults, type BareConnection } from './bare.ts'
import type { Call, Log } from './call.ts'
import type { CapabilityDetails } from './capabilities.ts'
import { connectionFaults } from './declaration.ts'
import { createHttpClient, type HttpClient } from './common/http.ts'
import { createLimiter, type Limiter } from './common/limiter.ts'
import type { ConvertedEntry, OriginalEntry } from './original.ts'
import { pathOf, services, type ServiceName, type Services } from './services.ts'
import { createSecrets, findSecrets, type Secrets } from './secrets.ts'
import { readSettings } from './settings.ts'

export { describe, type CapabilityDetails } from './capabilities.ts'
export * from './services.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The connections by the name of the cloud, with defaults for the query and the call of each method. */
    clouds: Record<string, BareConnection>
  }
}

/**
 * A connection to one cloud, with one service for each resource that the cloud has. All methods throw ProblemErrors of
 * the catalog in openapi/model/problem.ts. Any other error is a defect of the driver.
 */
export interface Connection extends Services {
  readonly cloud: string
  readonly driver: string
  /** Host of the cloud's API; null if it has none. */
  readonly host: string | null
  /** The region that the connection uses. */
  readonly location: string | null
  /** The pattern of the ids of a service. The server answers 404 to any other id, without a call. */
  readonly ids: Readonly<Record<string, RegExp>>
  /**
   * The details of the methods, by service and method. They may change when the version of the cloud becomes known.
   */
  readonly capabilities?: {
    readonly [S in ServiceName]?: Readonly<Record<string, CapabilityDetails>>
  }
  /** Set if the protection of a node forbids only its end. Otherwise it forbids every change. */
  readonly protects?: 'destroy'
  /**
   * The fields that a `brief` read of a service leaves out or shows in less detail, because they take further calls. A
   * list that neither shows nor tests one of them is then read with `brief`. Without this, only the server's own reads
   * are brief.
   */
  readonly briefOmits?: { readonly [S in ServiceName]?: ReadonlySet<string> }
  /**
   * Resolves if the cloud answers and accepts the credentials: with the problem of a service that was used and fails
   * now, if there is one. The cloud is then degraded.
   */
  check(call: Call): Promise<ProblemError | undefined | void>
  /**
   * Finds out the services, their methods and the ids of a cloud whose driver learns them from the cloud. The server
   * calls it before it uses the connection. Undefined if everything is known.
   */
  prepare?: ((call: Call) => Promise<void>) | undefined
  /** True while `check` would start something that only requests may start. The periodic check leaves the cloud out. */
  readonly isDormant?: boolean
  /** Lists the projects that the account can use. A driver leaves it out if its account is the only one. */
  listProjects?: (call: Call) => Promise<Array<{ id: string, name: string }>>
  /** Drops token, catalog and caches, so that the next call reads them again. */
  refresh(): void
  close?(): Promise<void>
}

/** The fields of a resource that name its origin. */
export interface Identity {
  id: string
  cloud: string
  driver: string
  location: string | null
  self: string
}

/** The server's side of one connection. */
export interface Context {
  /** The name of the cloud. */
  cloud: string
  log: Log
  /** The time limit of one call in milliseconds. */
  timeout: number
  maxInFlight: number
  /** Limits the calls in flight, for drivers whose SDK sends them. The HTTP client has the limit built in. */
  limit: Limiter
  http(tls: { ca?: string, verify?: boolean }): HttpClient
  /** Takes secrets that are not in the settings, such as tokens. The server masks all secrets of a connection. */
  secrets: Pick<Secrets, 'add' | 'mask'>
  /** Returns the origin of a resource, with its path under this cloud. */
  identify(service: ServiceName, id: string, location: string | null): Identity
}

/** Where the settings come from. */
export interface SettingsSource {
  cloud: string
  /** The folder to which relative paths refer. */
  directory: string
  /** The folder for data that must survive a restart. */
  dataDirectory: string
  env: Readonly<Record<string, string | undefined>>
}

/** The arguments of `orchestrator install DRIVER`. */
export interface InstallOptions {
  dataDirectory: string
  /** Packages to install beside those that the driver needs. */
  packages: readonly string[]
  print(message: string): void
}

/** The description of a driver: its name, its settings and its optional functions. */
export interface Declaration<Settings extends TObject = TObject> {
  name: string
  /** The kind of cloud, in a few words. */
  title: string
  settings: Settings
  /** The setting that an entry of `locations` sets. */
  locationSetting: string
  /** Other names of the driver, each with the settings that it implies. */
  aliases?: Readonly<Record<string, Record<string, unknown>>>
  /**
   * Completes the settings before their check: defaults that depend on the cloud, values of another file. Resolving the
   * result again must not change it.
   */
  resolve?(settings: Record<string, unknown>, source: SettingsSource): Record<string, unknown>
  /** Converts settings of the original Orchestrator. Throws an Error that names a wrong one. */
  fromOriginal?(entry: OriginalEntry): ConvertedEntry
  /** The schema of `provider_options.<driver>` of a node create. */
  createOptions?: TObject
  /** True if results come from code of others. The server then checks them, as those of a driver from outside. */
  isGuarded?: boolean
  /** Installs what the driver needs beyond this package. */
  install?(options: InstallOptions): Promise<void>
  /** The providers that the driver reaches, if they are many. Undefined if the driver is not installed. */
  providers?(dataDirectory: string): Promise<Omit<DriverProvider, 'self'>[] | undefined>
}

export interface Connector<Settings extends TObject = TObject> {
  /** Connects to the cloud, without a call. */
  connect(settings: Static<Settings>, context: Context): Connection
}

/**
 * A driver connects, or imports the code that connects. With `load`, a server without such a cloud does not load the
 * code. A driver from outside has `connect`.
 */
export type Driver<Settings extends TObject = TObject> =
  & Declaration<Settings>
  & (Connector<Settings> | { load(): Promise<Connector<Settings>> })

export interface DriverOptions {
  /** Name of the cloud. */
  name: string
  /** The time limit of one call in seconds. Default: 30. */
  timeout?: number
  /** The maximum number of calls in flight. Default: 32. */
  max_in_flight?: number
  [setting: string]: unknown
}

export type DriverPlugin = FastifyPluginAsync<DriverOptions> & {
  driver: Driver
  /**
   * The path or the package by which the settings name a driver from outside this package. The server then checks what
   * its methods return.
   */
  outside?: string
}

/** The secrets of each connection that a driver plugin made. */
export const secretsOf = new WeakMap<Connection, Secrets>()

/** The limiters of parallel requests of each connection that a driver plugin made. */
export const limitersOf = new WeakMap<Connection, readonly Limiter[]>()

export const userAgent = 'cloud-orchestrator'

/** The version of this contract. The server refuses a driver that was made for another version. */
export const contractVersion = 1

/**
 * The property of a driver plugin that has the version of its contract. A driver in its own folder may bring a second
 * copy of this package, so the mark is the same for all copies.
 */
export const driverMark = Symbol.for('cloud-orchestrator.driver')

/**
 * Makes a driver a Fastify plugin that adds one named cloud: `fastify.register(openstack, { name: 'default', … })`
 * sets `fastify.clouds.default`. It connects at the first call. The registration fails if the settings are not valid.
 */
export function defineDriver<Settings extends TObject> (driver: Driver<Settings>): DriverPlugin {
  const plugin = async (fastify: FastifyInstance, options: DriverOptions) => {
    const connection = await addCloud(fastify, driver as Driver, options)
    fastify.addHook('onClose', async () => connection.close?.())
  }
  return Object.assign(fp(plugin, { name: `driver-${driver.name}`, fastify: '5.x' }), {
    driver: driver as Driver,
    [driverMark]: contractVersion
  })
}

/**
 * Connects a cloud and adds it to `fastify.clouds`. Throws if the settings are not valid, or if the driver does not
 * return a connection.
 */
export async function addCloud (
  fastify: FastifyInstance,
  driver: Driver,
  options: DriverOptions
): Promise<Connection> {
  const { name, timeout = 30, max_in_flight: maxInFlight = 32, ...given } = options
  // The server passes settings that are resolved already. Resolving them again changes nothing.
  const source = {
    cloud: name,
    directory: process.cwd(),
    dataDirectory: path.resolve('data'),
    env: process.env
  }
  const { settings, errors } = readSettings(
    driver.settings,
    driver.resolve?.(given, source) ?? given
  )
  if (errors.length > 0) {
    throw new Error(
      `cloud ${name}: ${errors.map(({ path, message }) => `${path} ${message}`).join('; ')}`
    )
  }
  if (!fastify.hasDecorator('clouds')) fastify.decorate('clouds', Object.create(null))
  if (name in fastify.clouds) throw new Error(`cloud ${name} is registered twice`)
  const secrets = createSecrets()
  for (const secret of findSecrets(driver.settings as object, settings)) secrets.add(secret)
  const limiters: Limiter[] = []
  const context = createContext({
    driver: driver.name,
    cloud: name,
    timeout: timeout * 1000,
    maxInFlight,
    log: fastify.log,
    secrets
  }, limiters)
  const connection = await connect(driver, settings, context, secrets)
  secretsOf.set(connection, secrets)
  limitersOf.set(connection, limiters)
  fastify.clouds[name] = withDefaults(connection, context)
  return connection
}

async function connect (
  driver: Driver,
  settings: unknown,
  context: Context,
  secrets: Secrets
): Promise<Connection> {
  try {
    const { connect } = 'connect' in driver ? driver : await driver.load()
    const connection = connect(settings as Static<TObject>, context)
    const faults = connectionFaults(connection)
    if (faults.length > 0) {
      throw new Error(`the driver ${driver.name} has a defect: ${faults.join('; ')}`)
    }
    return connection
  } catch (error) {
    secrets.maskError(error)
    throw error
  }
}

type ContextOptions = Pick<Context, 'cloud' | 'log' | 'timeout' | 'maxInFlight'> & {
  driver: string
  secrets: Secrets
}

/** Creates the context of a connection. Adds its limiters to a list. */
function createContext ({ driver, ...options }: ContextOptions, limiters: Limiter[]): Context {
  const { cloud, timeout, maxInFlight, secrets: { mask } } = options
  const newLimiter = () => {
    const limiter = createLimiter(maxInFlight)
    limiters.push(limiter)
    return limiter
  }
  return {
    ...options,
    limit: newLimiter(),
    http: (tls) =>
      createHttpClient({ timeout, maxInFlight, userAgent, mask, limit: newLimiter(), ...tls }),
    identify: (service, id, location) => ({
      id,
      cloud,
      driver,
      location,
      self: `/api/v2/clouds/${cloud}/${pathOf(service)}/${encodeURIComponent(id)}`
    })
  }
}

/** Whether a connection has the method of a capability. */
export function hasCapability (connection: Connection, name: string) {
  const at = name.indexOf('.')
  const service = connection[name.slice(0, at) as ServiceName] as
    | Record<string, unknown>
    | undefined
  return typeof service?.[name.slice(at + 1)] === 'function'
}

/** Returns a capability of a connection; undefined if the connection lacks the method. */
export function capabilityOf (connection: Connection, name: string): Capability | undefined {
  if (!hasCapability(connection, name)) return undefined
  const [service, method] = name.split('.') as [ServiceName, string]
  const details = connection.capabilities?.[service]?.[method]
  return { parameters: [], required: [], filters: [], limits: {}, ...details }
}

/** Methods that serve the server itself: they are no capabilities. */
const internalMethods: ReadonlySet<string> = new Set(['findCreated', 'checkCreate'])

/** Returns all capabilities of a connection by name: its methods with the details that the driver describes. */
export function capabilitiesOf (connection: Connection): Record<string, Capability> {
  const names = services.flatMap((service) =>
    Object.keys(connection[service] ?? {})
      .filter((method) => !internalMethods.has(method))
      .map((method) => `${service}.${method}`)
  )
  return Object.fromEntries(names.flatMap((name) => {
    const capability = capabilityOf(connection, name)
    return capability === undefined ? [] : [[name, capability]]
  }))
}
