import { sql } from '#kysely'
import { databaseTime } from '../membership/heartbeat.ts'
import { exactlyOne, type Store, type StoreChange } from '../store/tables.ts'
import type { Seen } from './differences.ts'

/** A service of a cloud that is watched. */
export interface WatchKey {
  cloud: string
  service: 'nodes' | 'volumes'
}

export interface Lease {
  /** The state that was seen last; undefined if there is none or if it is old. */
  seen: Seen | undefined
}

/** Creates the leases of a server: of all servers, one at a time watches a service of a cloud. */
export function createLeases (store: Store, server: string) {
  const now = store.kind === 'postgres'
    ? databaseTime
    : sql<number>`cast(unixepoch('subsec') * 1000 as integer)`

  const own = ({ cloud, service }: WatchKey) =>
    store.updateTable('cloud_watches').where('cloud', '=', cloud).where('service', '=', service)
      .where('server', '=', server)

  return {
    /**
     * Takes or renews a lease for some milliseconds. Returns undefined if another server has it. What was seen is old
     * when the lease has ended `oldMs` ago.
     */
    async take (key: WatchKey, ms: number, oldMs: number): Promise<Lease | undefined> {
      const free = { ...key, server, held_until: 0, seen: null }
      await store.insertInto('cloud_watches').values(free)
        .onConflict((conflict) => conflict.columns(['cloud', 'service']).doNothing()).execute()
      const row = await store.selectFrom('cloud_watches').select(['seen', 'server'])
        .select(sql<number>`${now} - held_until`.as('since'))
        .where('cloud', '=', key.cloud).where('service', '=', key.service).executeTakeFirst()
      const { numUpdatedRows: taken } = await store.updateTable('cloud_watches')
        .set({ server, held_until: sql<number>`${now} + ${ms}` })
        .where('cloud', '=', key.cloud).where('service', '=', key.service)
        .where((one) => one.or([one('server', '=', server), one('held_until', '<', now)]))
        .executeTakeFirst()
      if (taken === 0n || row === undefined) return undefined
      const isOld = row.seen === null || Number(row.since) > oldMs
      return { seen: isOld ? undefined : new Map(JSON.parse(row.seen!) as [string, string][]) }
    },

    /** Writes what is seen now, with the events of it, if this server still has the lease. Throws StoreConflict. */
    async write (key: WatchKey, seen: Seen, events: readonly StoreChange[]) {
      await store.commit([
        exactlyOne(own(key).set({ seen: JSON.stringify([...seen]) })),
        ...events
      ])
    },

    /** Lets another server take the lease. */
    release: (key: WatchKey) => own(key).set({ held_until: now }).execute()
  }
}
