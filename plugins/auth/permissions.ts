import fp from 'fastify-plugin'
import type { FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { ProblemError, type Level } from '../../openapi/model/index.ts'
import { cloudNotFound } from '../clouds/farm.ts'
import { cloudOf, isOnCloud, lowestLevel, type RouteLevel } from './levels.ts'

type Hook = (request: FastifyRequest, reply: unknown, done: HookHandlerDoneFunction) => void

const denied = ({ caller: { name } }: FastifyRequest, level: Level, place: string) =>
  new ProblemError('permission_denied', `${name} needs the level ${level} on ${place} for this`, {
    hint: 'Ask the administrator of this server for a grant. GET /api/v2/me lists your grants.'
  })

const withFirst = <T>(
  first: T,
  others: T | T[] | undefined
): T[] => [first, ...[others ?? []].flat() as T[]]

/**
 * Checks the permission of each request: before capabilities, ids and the validation, or directly after the validation
 * if the level depends on the input. Registered after all plugins whose route hooks read clouds, so that its own hooks
 * come first.
 */
export default fp(async (fastify) => {
  const { auth } = fastify
  if (!auth.enabled) return

  const check = (request: FastifyRequest, level: Level): ProblemError | undefined => {
    const { caller } = request
    const cloud = cloudOf(request)
    if (!caller.may('read', cloud)) return auth.refuse(request, caller, cloudNotFound(cloud))
    if (caller.may(level, cloud)) return undefined
    if (caller.unconfirmed !== undefined) return caller.unconfirmed
    return auth.refuse(request, caller, denied(request, level, `the cloud ${cloud}`))
  }

  const requireOnCloud = (level: Level): Hook => (request, _reply, done) =>
    done(check(request, level))

  const requireEverywhere = (level: Level): Hook => (request, _reply, done) => {
    const { caller } = request
    if (caller.mayEverywhere(level)) return done()
    if (caller.unconfirmed !== undefined) return done(caller.unconfirmed)
    done(auth.refuse(request, caller, denied(request, level, '* (all clouds)')))
  }

  /** Adds a check directly after the caller is known. */
  const addCheck = (route: RouteOptions, hook: Hook) => {
    const stage = auth.stageOf(route.config!)
    route[stage] = withFirst<any>(hook, route[stage])
  }

  fastify.addHook('onRoute', (route) => {
    const level = route.config!.level as RouteLevel
    if (level === 'open') return
    if (!isOnCloud(route)) {
      if (level !== 'read') addCheck(route, requireEverywhere(lowestLevel(level)))
      return
    }
    addCheck(route, requireOnCloud(typeof level === 'string' ? level : 'read'))
    if (typeof level === 'string') return
    const byCase: Hook = (request, _reply, done) =>
      done(check(request, level.cases[level.caseOf(request)]!))
    route.preHandler = withFirst(byCase, route.preHandler)
  })
}, { name: 'permissions', dependencies: ['auth', 'clouds', 'preconditions'] })
