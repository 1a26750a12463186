import fp from 'fastify-plugin'
import type { Call } from '../../drivers/call.ts'
import { limitersOf, secretsOf, type Connection } from '../../drivers/driver.ts'
import { callPosition, wrapConnection } from '../../drivers/wrap.ts'
import { ProblemError } from '../../openapi/model/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** A plugin that is registered before the clouds adds its watcher here. */
    callWatchers: CallWatcher[]
  }
}

/**
 * Sees the start of each call to a cloud, and returns a function that sees its end. `method` is a capability such as
 * `nodes.list`, or `check`. The end has no problem if the call succeeded.
 */
export type CallWatcher = (
  cloud: string,
  method: string,
  call: Call
) => (problem?: ProblemError) => void

/** Offers `fastify.callWatchers` to plugins that measure or trace the calls to clouds. */
export default fp(async (fastify) => {
  fastify.decorate('callWatchers', [])
}, { name: 'call-watchers' })

const unknownFailure = (cause: unknown) =>
  cause instanceof ProblemError
    ? cause
    : new ProblemError('internal_error', 'The driver failed', { cause })

/** Returns a connection whose calls the watchers see. Without watchers, returns the connection itself. */
export function watchConnection (
  connection: Connection,
  watchers: readonly CallWatcher[]
): Connection {
  if (watchers.length === 0) return connection
  const { cloud } = connection
  const watched = wrapConnection(connection, (service, method, run) => {
    if (service === undefined && method !== 'check') return run
    const name = service === undefined ? method : `${service}.${method}`
    const position = callPosition(service, method)
    return async (...input) => {
      const call = input[position] as Call
      const ends = watchers.map((watch) => watch(cloud, name, call))
      try {
        const result = await run(...input)
        for (const end of ends) end()
        return result
      } catch (error) {
        const problem = unknownFailure(error)
        for (const end of ends) end(problem)
        throw error
      }
    }
  })
  const secrets = secretsOf.get(connection)
  if (secrets !== undefined) secretsOf.set(watched, secrets)
  const limiters = limitersOf.get(connection)
  if (limiters !== undefined) limitersOf.set(watched, limiters)
  return watched
}
