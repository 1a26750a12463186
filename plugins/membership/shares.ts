import fp from 'fastify-plugin'
import { limitersOf } from '../../drivers/driver.ts'

/** Divides `max_in_flight` of each cloud among the servers that share the store, as often as their number changes. */
export default fp(async ({ membership, farm }) => {
  const divide = () => {
    for (const { connection } of farm.clouds) {
      const limiters = connection === undefined ? [] : limitersOf.get(connection) ?? []
      for (const limiter of limiters) limiter.divide(membership.place)
    }
  }
  divide()
  membership.onBeat(divide)
}, { name: 'shares', dependencies: ['clouds', 'membership'] })
