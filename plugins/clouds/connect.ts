import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { connectionOf } from '../../drivers/bare.ts'
import {
  addCloud,
  limitersOf,
  secretsOf,
  type Connection,
  type DriverOptions,
  type DriverPlugin
} from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { createFarm, type Farm } from './farm.ts'
import { guard } from './guard.ts'
import { watchConnection } from './watch.ts'

/** Milliseconds for a driver from outside to close its connections. */
const closeTimeout = 2000

/**
 * Connects the enabled clouds and creates the farm. If a driver from outside cannot be used or fails to connect, its
 * cloud is down and the others are served.
 */
export async function connectClouds (
  fastify: FastifyInstance,
  { clouds: settings, cache_mb: cacheSize }: Pick<Settings, 'clouds' | 'cache_mb'>,
  drivers: ReadonlyMap<string, DriverPlugin>
): Promise<Farm> {
  if (!fastify.hasDecorator('clouds')) fastify.decorate('clouds', Object.create(null))
  // `orchestrator check` connects clouds without the plugins that watch calls.
  if (!fastify.hasDecorator('callWatchers')) fastify.decorate('callWatchers', [])
  const links = new Map<string, Connection | ProblemError>()
  for (
    const { name, driver, enabled, timeout, max_in_flight, settings: own, failure } of settings
  ) {
    if (failure !== undefined) {
      if (enabled) {
        links.set(
          name,
          toFailure(fastify, name, driver, `The driver ${driver} cannot be used: ${failure}`)
        )
      }
      continue
    }
    const plugin = drivers.get(driver)
    if (plugin === undefined) {
      throw new Error(
        `cloud ${name}: no driver is named ${driver}; drivers: ${[...drivers.keys()].join(', ')}`
      )
    }
    if (!enabled) continue
    const options = { ...own, name, timeout, max_in_flight }
    if (plugin.outside !== undefined || plugin.driver.isGuarded === true) {
      links.set(name, await connectOutside(fastify, plugin, options))
    } else {
      await fastify.register(plugin, options)
      links.set(name, watchConnection(connectionOf(fastify.clouds[name]!), fastify.callWatchers))
    }
  }
  return createFarm(settings, links, cacheSize * 2 ** 20, fastify.membership?.assertActive)
}

async function connectOutside (
  fastify: FastifyInstance,
  { driver }: DriverPlugin,
  options: DriverOptions
) {
  const { name: cloud, timeout = 30 } = options
  try {
    const connection = await addCloud(fastify, driver, options)
    fastify.addHook('onClose', () => closeInTime(connection))
    const guarded = guard(connection, timeout * 1000)
    const secrets = secretsOf.get(connection)
    if (secrets !== undefined) secretsOf.set(guarded, secrets)
    const limiters = limitersOf.get(connection)
    if (limiters !== undefined) limitersOf.set(guarded, limiters)
    return watchConnection(guarded, fastify.callWatchers)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return toFailure(
      fastify,
      cloud,
      driver.name,
      `The driver ${driver.name} failed to connect: ${reason}`,
      error
    )
  }
}

/** Logs why a cloud is not served, and returns the error with which it answers. */
function toFailure (
  { log }: FastifyInstance,
  cloud: string,
  driver: string,
  detail: string,
  cause?: unknown
): ProblemError {
  const hint = 'Correct the settings of the cloud or its driver, and restart the server.'
  const problem = new ProblemError('internal_error', detail, { cause, cloud, driver, hint })
  log.error({ err: problem, cloud, driver }, 'the cloud is down: its driver cannot be used')
  return problem
}

/** A driver that does not close must not keep the server from closing. */
async function closeInTime (connection: Connection) {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeTimeout)
  })
  try {
    await Promise.race([connection.close?.(), overdue])
  } finally {
    clearTimeout(timer)
  }
}
