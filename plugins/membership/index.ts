import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { sql } from '#kysely'
import { v7 as uuid } from '#uuid'
import type { Settings } from '../../config/index.ts'
import type { ProblemError } from '../../openapi/model/index.ts'
import { version } from '../../config/version.ts'
import { storeUnavailable } from '../store/errors.ts'
import { openPostgres } from '../store/postgres.ts'
import { databaseTime, deadAfter, inactiveAfter, startHeartbeat } from './heartbeat.ts'

declare module 'fastify' {
  interface FastifyInstance {
    membership: Membership
  }
}

/** This server process among those that share the store. */
export interface Membership {
  /** A new id at each start. The store names by it what this server does. */
  readonly id: string
  /** How many servers share the store, this one included, as of the last heartbeat. */
  readonly servers: number
  /** The same as of now; as of the last heartbeat if the store does not answer within half a second. */
  countServers(): Promise<number>
  /** The part of this server of a number that all have together. At least 1; all parts are up to one each too many. */
  partOf(total: number): number
  /** Whether this server may change anything. It may not if others could already believe that it is dead. */
  isActive(): boolean
  /** Throws store_unavailable if this server may not change anything. */
  assertActive(): void
  /** Whether the server with this id is alive. Throws store_unavailable. */
  isAlive(id: string | null): Promise<boolean>
  /** Calls the listener after each heartbeat, every 3 s. It must not throw. Never called on SQLite. */
  onBeat(listener: () => void): void
  /** Calls the listener when this server may no longer change anything, with the reason. It must not throw. */
  onInactive(listener: (reason: ProblemError) => void): void
}

const inactive = () =>
  storeUnavailable(
    `This server has not reached its store for ${inactiveAfter / 1000} s, so that another may act in its place`,
    'Check that PostgreSQL runs and can be reached. The server continues by itself when it answers.'
  )

/** The only server of a store on SQLite, whose file it has locked. */
const alone = (id: string): Membership => ({
  id,
  servers: 1,
  countServers: async () => 1,
  partOf: (total) => total,
  isActive: () => true,
  assertActive () {},
  isAlive: async (other) => other === id,
  onBeat () {},
  onInactive () {}
})

/** Heartbeats have connections of their own that give up early. In seconds. */
const heartbeatTimeout = 3

const countTimeoutMs = 500

/** Makes this server known to those that share its store. A server that loses the store changes nothing after 10 s. */
export default fp(async (fastify, { settings }: { settings: Settings }) => {
  const { store, log } = fastify
  const id = uuid()
  if (settings.store.url === undefined) {
    fastify.decorate('membership', alone(id))
    return
  }
  let servers = 1
  const beatListeners: (() => void)[] = []
  const inactiveListeners: ((reason: ProblemError) => void)[] = []
  const heartbeat = await startHeartbeat({
    store: await openPostgres({
      ...settings.store,
      pool_size: 1,
      statement_timeout: heartbeatTimeout
    }),
    id,
    version,
    log,
    onBeat (alive) {
      servers = Math.max(1, alive)
      for (const listener of beatListeners) listener()
    },
    onInactive () {
      log.error(
        {},
        'this server has lost its store: it changes nothing until it reaches it again'
      )
      for (const listener of inactiveListeners) listener(inactive())
    }
  })
  fastify.decorate(
    'membership',
    {
      id,
      get servers () {
        return servers
      },
      countServers: () =>
        Promise.race([
          heartbeat.countAlive().catch(() => servers),
          sleep(countTimeoutMs, servers, { ref: false })
        ]),
      partOf: (total) => Math.max(1, Math.ceil(total / servers)),
      isActive: heartbeat.isActive,
      assertActive () {
        if (!heartbeat.isActive()) throw inactive()
      },
      async isAlive (other) {
        if (other === null) return false
        const row = await store.selectFrom('servers').select('id').where('id', '=', other)
          .where('heartbeat_at', '>', sql<number>`${databaseTime} - ${deadAfter}`)
          .executeTakeFirst()
        return row !== undefined
      },
      onBeat (listener) {
        beatListeners.push(listener)
      },
      onInactive (listener) {
        inactiveListeners.push(listener)
      }
    } satisfies Membership
  )
  fastify.addHook('onClose', () => heartbeat.stop())
}, { name: 'membership', dependencies: ['store'] })
