import fp from 'fastify-plugin'
import { v7 as uuid } from '#uuid'

declare module 'fastify' {
  interface FastifyInstance {
    membership: Membership
  }
}

/** This server process among those that share the store. */
export interface Membership {
  /** A new id at each start. */
  readonly id: string
}

/** Gives this server process an id, by which the store knows what it acts for. */
export default fp(async (fastify) => {
  fastify.decorate('membership', { id: uuid() })
}, { name: 'membership', dependencies: ['store'] })
