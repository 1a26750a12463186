import { hostname } from 'node:os'
import type { Log } from '../../drivers/call.ts'
import { sql } from '#kysely'
import type { Store } from '../store/tables.ts'

/** Milliseconds between two heartbeats. */
export const beatInterval = 3000

/** Milliseconds without a heartbeat after which a server changes nothing any longer. */
export const inactiveAfter = 10_000

/** Milliseconds without a heartbeat after which other servers take over what a server did. */
export const deadAfter = 20_000

/** Milliseconds after which the row of a dead server is removed. */
const forgottenAfter = 24 * 3_600_000

/** How often the first heartbeat is tried. */
const maxFirstBeats = 3

/** The time of the database in milliseconds since 1970, since the clocks of servers differ. */
export const databaseTime = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`

export interface HeartbeatOptions {
  /** A store of its own, so that a heartbeat waits behind no other query. */
  store: Store
  id: string
  version: string
  log: Log
  /** Called after each heartbeat with the number of servers that are alive. Must not throw. */
  onBeat: (servers: number) => void
  /** Called once when the server has been without a heartbeat for too long. */
  onInactive: () => void
}

/**
 * Writes the heartbeat of this server until `stop`. A failed one is tried again after a moment. Resolves after the
 * first. Throws store_unavailable if that fails.
 */
export async function startHeartbeat (options: HeartbeatOptions) {
  const { store, id, version, log, onBeat, onInactive } = options
  /** When the last heartbeat that succeeded was sent, by the monotonic clock: no later than it was written. */
  let renewed = -Infinity
  let failing = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let fence: NodeJS.Timeout | undefined

  const countAlive = async () => {
    const { alive } = await store.selectFrom('servers')
      .select(({ fn }) => fn.countAll<number>().as('alive'))
      .where('heartbeat_at', '>', sql<number>`${databaseTime} - ${deadAfter}`)
      .executeTakeFirstOrThrow()
    return alive
  }

  const beat = async () => {
    const sent = performance.now()
    const row = { id, name: hostname(), version, heartbeat_at: databaseTime }
    await store.insertInto('servers').values(row)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ heartbeat_at: databaseTime }))
      .execute()
    const alive = await countAlive()
    renewed = sent
    clearTimeout(fence)
    fence = setTimeout(onInactive, sent + inactiveAfter - performance.now())
    fence.unref()
    return alive
  }

  const beatOrLog = async () => {
    try {
      const servers = await beat()
      if (failing) log.info({}, 'this server reaches the store again')
      failing = false
      onBeat(servers)
    } catch (err) {
      if (!failing) {
        const seconds = inactiveAfter / 1000
        log.warn(
          { err },
          `the heartbeat of this server failed; after ${seconds} s without one it changes nothing`
        )
      }
      failing = true
    }
    if (stopped) return
    timer = setTimeout(beatOrLog, failing ? beatInterval / 6 : beatInterval)
    timer.unref()
  }

  /** Writes the first heartbeat. A database that is busy for a moment does not keep the server from starting. */
  const beginBeating = async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await beat()
      } catch (error) {
        if (attempt === maxFirstBeats) throw error
      }
    }
  }

  onBeat(await beginBeating())
  timer = setTimeout(beatOrLog, beatInterval)
  timer.unref()

  return {
    isActive: () => performance.now() - renewed < inactiveAfter,

    /** How many servers are alive now. Throws store_unavailable. */
    countAlive,

    /** Removes the rows of this server and of those that died long ago. Others then take over at once. */
    async stop () {
      stopped = true
      clearTimeout(timer)
      clearTimeout(fence)
      await store.deleteFrom('servers').where((one) =>
        one.or([
          one('id', '=', id),
          one('heartbeat_at', '<', sql<number>`${databaseTime} - ${forgottenAfter}`)
        ])
      ).execute().catch((err: unknown) => log.warn({ err }, 'the server could not sign off'))
      await store.destroy()
    }
  }
}
