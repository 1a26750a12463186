import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { pathOf, services, type CollectionName, type ReadService } from '../../drivers/driver.ts'
import { ProblemError } from '../../openapi/model/index.ts'
import { hasTag, tagOf } from './etags.ts'

const serviceByPath = new Map(services.map((service) => [pathOf(service), service]))

/** Actions of this server itself, which no cloud needs to support. */
const serverActions = new Set(['assign', 'release'])

interface Target {
  service: CollectionName
  /** The capability that the route needs, if the route changes the resource itself; else a part of it. */
  capability: string | undefined
}

/** Finds the resource whose tag a route compares: that of the path, also if the route changes a part of it. */
function findTarget (method: string, url: string): Target | undefined {
  const [, collection = '', rest = ''] = /\/clouds\/:cloud\/([\w-]+)\/:id(\/.*)?$/.exec(url) ?? []
  const service = serviceByPath.get(collection) as CollectionName | undefined
  if (service === undefined) return undefined
  const [, action] = /^\/actions\/(\w+)$/.exec(rest) ?? []
  const verb = action === undefined || serverActions.has(action) ? undefined : action
  const name = verb ?? (rest === '' ? { PATCH: 'update', DELETE: 'destroy' }[method] : undefined)
  return { service, capability: name === undefined ? undefined : `${service}.${name}` }
}

async function requireMatch (
  request: FastifyRequest,
  condition: string,
  target: Target | undefined
) {
  const { cloud, params, caller, server: { assignments } } = request
  if (target === undefined) {
    if (condition.trim() === '*') return
    throw new ProblemError(
      'precondition_failed',
      'If-Match has a tag, but this path has no tag to compare',
      {
        hint: 'Send the request without If-Match.'
      }
    )
  }
  const { service, capability } = target
  cloud.require(`${service}.get`)
  if (capability !== undefined) cloud.require(capability)
  const { id } = params as { id: string }
  const read = cloud.call((connection, call) =>
    (connection[service] as ReadService<object>).get(id, { extra: false }, call)
  )
  const resource =
    await (service === 'nodes' ? assignments.showRead(cloud.name, id, read, caller) : read)
  if (hasTag(condition, tagOf(resource))) return
  const detail =
    'If-Match does not have the ETag of the resource: the resource has changed, or the tag is of an ' +
    'answer with `include` or `fields`'
  throw new ProblemError('precondition_failed', detail, {
    hint:
      'Read the resource again, without `include` and `fields`, decide again, and send the ETag of that answer.'
  })
}

/**
 * If-Match on changes: reads the resource from its cloud and refuses the change with 412 if it has another tag. The
 * clouds know no conditional writes, so a change by someone else between the read and the write is not noticed.
 */
export default fp(async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    const { method, url } = route
    if (typeof method !== 'string' || !['POST', 'PATCH', 'PUT', 'DELETE'].includes(method)) return
    const target = findTarget(method, url)
    const checkCondition = (
      request: FastifyRequest,
      _reply: FastifyReply,
      done: HookHandlerDoneFunction
    ) => {
      const condition = request.raw.headers['if-match']
      if (condition === undefined) return done()
      requireMatch(request, condition, target).then(() => done(), done)
    }
    route.preHandler = [checkCondition, ...[route.preHandler ?? []].flat()]
  })
}, { name: 'preconditions', dependencies: ['assignments', 'clouds'] })
