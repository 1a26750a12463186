import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Settings } from '../../config/index.ts'
import { limitersOf, pathOf, services, type DriverPlugin } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import type { Cloud } from './cloud.ts'
import type { CloudHandle } from './handle.ts'
import { connectClouds } from './connect.ts'
import { contextOf } from './context.ts'
import { shareClouds } from './events.ts'
import type { Farm } from './farm.ts'

declare module 'fastify' {
  interface FastifyInstance {
    farm: Farm
    /** The available drivers by name. */
    drivers: ReadonlyMap<string, DriverPlugin>
    /** The folder for data that must survive a restart. */
    dataDirectory: string
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

type Hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/** Milliseconds between two checks of a cloud that is down. */
const downInterval = 5000

/** Maps a collection in the path to the service whose id pattern applies. */
const serviceByPath = new Map(services.map((service) => [pathOf(service), service]))

/** Registers the driver of each cloud, checks the clouds' health, and resolves the cloud of a request. */
export default fp(async (fastify, { settings, drivers }: CloudsOptions) => {
  fastify.decorate('drivers', drivers)
  fastify.decorate('dataDirectory', settings.dataDirectory)
  const farm = await connectClouds(fastify, settings, drivers)
  fastify.decorate('farm', farm)
  await shareClouds(fastify)
  /** The servers of a store have the calls in flight to each cloud together. */
  const divideCalls = () => {
    for (const { connection } of farm.clouds) {
      for (const limiter of connection === undefined ? [] : limitersOf.get(connection) ?? []) {
        limiter.divide(fastify.membership.servers)
      }
    }
  }
  divideCalls()
  fastify.membership.onBeat(divideCalls)
  fastify.membership.onInactive((reason) => farm.abortChanges(reason))

  fastify.decorateRequest('cloud')
  fastify.addHook('onRoute', (route) => {
    const [, collection] = /\/clouds\/:cloud\/([\w-]+)/.exec(route.url) ?? []
    if (collection === undefined) return
    const service = serviceByPath.get(collection)
    const findCloud = (request: FastifyRequest) => {
      const { cloud } = request.params as { cloud: string }
      request.cloud = farm.seenBy(request.caller).handle(cloud, contextOf(request))
    }
    const checkId = ({ params, cloud: { name, connection } }: FastifyRequest) => {
      const { id } = params as { id?: string }
      if (
        id === undefined || service === undefined || connection.ids[service]?.test(id) !== false
      ) return
      const detail = `"${id.slice(0, 64)}" cannot be an id of ${collection} in the cloud ${name}`
      throw new ProblemError('resource_not_found', detail, {
        cloud: name,
        driver: connection.driver
      })
    }
    // The permission comes before the id. If it depends on the input, it is checked after the validation.
    const isPermittedFirst = typeof route.config?.level === 'string'
    const onRequest: Hook = (request, _reply, done) => {
      findCloud(request)
      const check = () => {
        if (isPermittedFirst) checkId(request)
      }
      const prepared = request.cloud.prepare()
      if (prepared !== undefined) {
        prepared.then(check).then(() => done(), done)
        return
      }
      check()
      done()
    }
    const preHandler: Hook = (request, _reply, done) => {
      checkId(request)
      done()
    }
    route.onRequest = [onRequest, ...[route.onRequest ?? []].flat()]
    if (!isPermittedFirst) route.preHandler = [preHandler, ...[route.preHandler ?? []].flat()]
  })

  const checkWhere = (fits: (cloud: Cloud) => boolean) => {
    for (const cloud of farm.clouds) {
      if (cloud.connection?.isDormant !== true && fits(cloud)) {
        cloud.check({ requestId: 'health', log: fastify.log })
      }
    }
  }
  const checkAll = () => checkWhere(() => true)
  const checkDown = () => checkWhere(({ health }) => health.status === 'down')
  const timers = [
    setInterval(checkAll, settings.health_seconds * 1000),
    setInterval(checkDown, downInterval)
  ]
  for (const timer of timers) timer.unref()
  // Not awaited: a cloud that does not answer must not delay the start.
  fastify.addHook('onReady', async () => checkAll())
  fastify.addHook('onClose', async () => {
    for (const timer of timers) clearInterval(timer)
  })
}, { name: 'clouds', dependencies: ['auth', 'call-watchers', 'membership'] })
