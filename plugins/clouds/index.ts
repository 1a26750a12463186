import fp from 'fastify-plugin'
import type { onRequestHookHandler } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { pathOf, services, type DriverPlugin } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { CloudHandle } from './cloud.ts'
import { connectClouds } from './connect.ts'
import { contextOf } from './context.ts'
import type { Farm } from './farm.ts'

declare module 'fastify' {
  interface FastifyInstance {
    farm: Farm
    /** The available drivers by name. */
    drivers: ReadonlyMap<string, DriverPlugin>
  }
  interface FastifyRequest {
    /** The cloud in the path. */
    cloud: CloudHandle
  }
}

export interface CloudsOptions {
  settings: Settings
  drivers: ReadonlyMap<string, DriverPlugin>
}

/** Milliseconds between two checks of a cloud that is down. */
const downInterval = 5000

/** Maps a collection in the path to the service whose id pattern applies. */
const serviceByPath = new Map(services.map((service) => [pathOf(service), service]))

/** Registers the driver of each cloud, checks the clouds' health, and resolves the cloud of a request. */
export default fp(async (fastify, { settings, drivers }: CloudsOptions) => {
  fastify.decorate('drivers', drivers)
  const farm = await connectClouds(fastify, settings, drivers)
  fastify.decorate('farm', farm)

  fastify.decorateRequest('cloud')
  fastify.addHook('onRoute', (route) => {
    const [, collection] = /\/clouds\/:cloud\/([\w-]+)/.exec(route.url) ?? []
    if (collection === undefined) return
    const service = serviceByPath.get(collection)
    const findCloud: onRequestHookHandler = (request, _reply, done) => {
      const { cloud, id } = request.params as { cloud: string, id?: string }
      request.cloud = farm.handle(cloud, contextOf(request))
      const { ids, driver } = request.cloud.connection
      if (id === undefined || service === undefined || ids[service]?.test(id) !== false) return done()
      const detail = `"${id.slice(0, 64)}" cannot be an id of ${collection} in the cloud ${cloud}`
      throw new ProblemError('resource_not_found', detail, { cloud, driver })
    }
    route.onRequest = [findCloud, ...[route.onRequest ?? []].flat()]
  })

  const checkAll = () => {
    for (const cloud of farm.clouds) cloud.check({ requestId: 'health', log: fastify.log })
  }
  const checkDown = () => {
    for (const cloud of farm.clouds) {
      if (cloud.health.status === 'down') cloud.check({ requestId: 'health', log: fastify.log })
    }
  }
  const timers = [setInterval(checkAll, settings.health_seconds * 1000), setInterval(checkDown, downInterval)]
  for (const timer of timers) timer.unref()
  // Not awaited: a cloud that does not answer must not delay the start.
  fastify.addHook('onReady', async () => checkAll())
  fastify.addHook('onClose', async () => { for (const timer of timers) clearInterval(timer) })
}, { name: 'clouds' })
