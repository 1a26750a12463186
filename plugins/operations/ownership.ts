import { sql } from '#kysely'
import type { Log } from '../../drivers/call.ts'
import type { Membership } from '../membership/index.ts'
import { databaseTime, deadAfter, inactiveAfter } from '../membership/heartbeat.ts'
import { StoreConflict } from '../store/errors.ts'
import type { Store } from '../store/tables.ts'
import type { OperationRow, Rows } from './rows.ts'

/** Rows that are claimed at once. */
const batch = 200

/** An operation of a server that is gone. */
interface Orphan {
  row: OperationRow
  /**
   * Milliseconds since the server could have sent the change last: until 10 s after its last heartbeat. Null if the
   * row itself tells it.
   */
  sentBefore: number | null
}

export interface OwnershipOptions {
  store: Store
  rows: Rows
  membership: Membership
  /** The names of the clouds that this server serves. */
  served: ReadonlySet<string>
  /** Whether this server knows that it acts for an operation. */
  isKnown: (id: string) => boolean
  log: Log
}

/**
 * Finds the operations for which no living server acts, and takes them over. On SQLite these are all that have not
 * ended when the server starts.
 */
export function createOwnership (options: OwnershipOptions) {
  const { store, rows, membership, served, isKnown, log } = options

  const underWay = () =>
    store.selectFrom('operations').leftJoin('servers', 'servers.id', 'operations.server')
      .selectAll('operations').where('finished_at', 'is', null)
      .where('cloud', 'in', [...served])

  /** The query of a store that this server has alone: all servers before it are gone. */
  const selectAll = () => underWay().select(sql<number | null>`null`.as('silent'))

  const selectOrphans = () =>
    underWay().select(sql<number | null>`${databaseTime} - servers.heartbeat_at`.as('silent'))
      .where((one) =>
        one.or([
          one('servers.heartbeat_at', 'is', null),
          one('servers.heartbeat_at', '<=', sql<number>`${databaseTime} - ${deadAfter}`),
          // A commit of this server whose answer was lost.
          one('operations.server', '=', membership.id)
        ])
      ).limit(batch)

  /** Takes an operation over. Returns its row; undefined if another server was faster. */
  const claim = async ({ row, sentBefore }: Orphan): Promise<OperationRow | undefined> => {
    const sent = sentBefore === null ? row.sent_at : new Date(Date.now() - sentBefore).toISOString()
    const next = { ...row, epoch: row.epoch + 1, sent_at: sent }
    try {
      await rows.claim(next, row.epoch)
      return next
    } catch (error) {
      if (error instanceof StoreConflict) return undefined
      throw error
    }
  }

  const toOrphan = (row: OperationRow, silent: number | null): Orphan => {
    if (store.kind === 'sqlite') return { row, sentBefore: null }
    // A server that has signed off, or one of an earlier version, may have sent the change just now.
    return { row, sentBefore: silent === null ? 0 : Math.max(0, silent - inactiveAfter) }
  }

  return {
    /** Takes over what no living server acts for. Throws store_unavailable. */
    async claimOrphans (): Promise<OperationRow[]> {
      if (served.size === 0) return []
      const claimed: OperationRow[] = []
      const found = await (store.kind === 'sqlite' ? selectAll() : selectOrphans()).execute()
      const orphans = found.filter(({ id }) => !isKnown(id)).flatMap(({ silent, ...columns }) =>
        rows.read([columns]).map((row) => toOrphan(row, silent))
      )
      for (let i = 0; i < orphans.length; i += batch) {
        const taken = await Promise.all(orphans.slice(i, i + batch).map(claim))
        claimed.push(...taken.filter((row) => row !== undefined))
      }
      if (claimed.length > 0 && store.kind === 'postgres') {
        log.info({ operations: claimed.length }, 'operations of a server that is gone are continued')
      }
      return claimed
    },

    /** Logs which operations nobody follows, because their clouds are not served. Throws store_unavailable. */
    async warnOfOthers () {
      const others = await store.selectFrom('operations').select(['id', 'cloud'])
        .where('finished_at', 'is', null).where('cloud', 'not in', [...served, '']).execute()
      for (const { id, cloud } of others) {
        log.warn({ operation: id, cloud }, 'the operation waits: its cloud is not served')
      }
    }
  }
}

export type Ownership = ReturnType<typeof createOwnership>
