import { setMaxListeners } from 'node:events'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { pathOf, services, type Connection, type DriverPlugin } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { createFarm, type CallFrom, type Farm } from './farm.ts'

declare module 'fastify' {
  interface FastifyInstance {
    farm: Farm
    /** Every driver there is, by name. */
    drivers: ReadonlyMap<string, DriverPlugin>
  }
  interface FastifyRequest {
    /** The connection of the cloud in the path. */
    cloud: Connection
  }
}

/** Who reads: the request, whose client's going ends the call. */
export const reader = (request: FastifyRequest): CallFrom => ({
  requestId: request.id,
  log: request.log,
  caller () {
    // A list over many clouds has a call of each waiting for it; more than ten would be taken for a leak.
    setMaxListeners(0, request.signal)
    return request.signal
  }
})

/** Who changes: the request, but the change goes on when its client has gone. */
export const changer = (request: FastifyRequest): CallFrom => ({ requestId: request.id, log: request.log })

/** Collection in the path → service of the connection, whose id patterns rule. */
const collections = new Map(services.map((service) => [pathOf(service), service]))

/** Registers each cloud's driver, keeps the farm, and finds the cloud of a request. */
export default fp(async (fastify, { settings, drivers }: { settings: Settings, drivers: ReadonlyMap<string, DriverPlugin> }) => {
  fastify.decorate('drivers', drivers)
  if (!fastify.hasDecorator('clouds')) fastify.decorate('clouds', Object.create(null))
  for (const { name, driver, enabled, timeout, max_in_flight, settings: own } of settings.clouds) {
    const plugin = drivers.get(driver)
    if (plugin === undefined) throw new Error(`cloud ${name}: there is no driver ${driver}; there are: ${[...drivers.keys()].join(', ')}`)
    if (enabled) await fastify.register(plugin, { ...own, name, timeout, max_in_flight })
  }
  const farm = createFarm(settings.clouds, fastify.clouds)
  fastify.decorate('farm', farm)

  fastify.decorateRequest('cloud')
  fastify.addHook('onRoute', (route) => {
    const [, collection] = /\/clouds\/:cloud\/([\w-]+)/.exec(route.url) ?? []
    if (collection === undefined) return
    const service = collections.get(collection)
    const find = async (request: FastifyRequest) => {
      const { cloud, id } = request.params as { cloud: string, id?: string }
      request.cloud = farm.connection(cloud)
      if (id === undefined || service === undefined || request.cloud.ids[service]?.test(id) !== false) return
      throw new ProblemError('resource_not_found', `"${id.slice(0, 64)}" cannot be an id of ${collection} in the cloud ${cloud}`, {
        cloud, driver: request.cloud.driver
      })
    }
    route.onRequest = [find, ...[route.onRequest ?? []].flat()]
  })

  const checkAll = () => {
    for (const { settings: { name }, connection } of farm.entries) {
      if (connection !== undefined) farm.check(name, { requestId: 'health', log: fastify.log })
    }
  }
  const timer = setInterval(checkAll, settings.health_seconds * 1000)
  timer.unref()
  // Not awaited: a cloud that hangs must not hold up the start.
  fastify.addHook('onReady', async () => checkAll())
  fastify.addHook('onClose', async () => clearInterval(timer))
}, { name: 'clouds' })
