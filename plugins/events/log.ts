import { sql } from '#kysely'
import type { Store, Tables } from '../store/tables.ts'
import {
  comparePositions,
  positionText,
  readPosition,
  type Position,
  type StoredEvent
} from './event.ts'

type Row = Omit<Tables['events'], 'xid' | 'seq'> & { xid: number, seq: number, settled: boolean }

/** Events after a position, in their order. */
export interface EventsRead {
  /** Events before which no other can appear any more. */
  events: StoredEvent[]
  /** Events after them, before which another may appear: a transaction that began earlier is still open. */
  unsettled: StoredEvent[]
}

/** Before every event. */
export const origin: Position = { xid: 0, seq: 0 }

/** Events that are removed in one transaction. */
const purgedAtOnce = 5000

function toEvent ({ xid, seq, created_at: time, content, settled: _, ...event }: Row): StoredEvent {
  const { length: size } = content
  return { ...event, time, size, position: { xid, seq }, content: JSON.parse(content) as object }
}

/** Reads the events of a store. */
export function createEventLog (store: Store) {
  /**
   * Transactions before this one have ended, so that no event can appear among theirs. A transaction that writes
   * something and stays open, in any database of the cluster, holds the events back.
   */
  const isSettled = store.kind === 'postgres'
    ? sql<boolean>`xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
    : sql<boolean>`true`

  // SQLite has one writer: the numbers of its rows are in the order of commits, and have the only index.
  const order = store.kind === 'postgres' ? ['xid', 'seq'] as const : ['seq'] as const

  const isAt = (operator: '>' | '>=' | '<=', { xid, seq }: Position) =>
    store.kind === 'postgres'
      ? sql<boolean>`(xid, seq) ${sql.raw(operator)} (${xid}, ${seq})`
      : sql<boolean>`seq ${sql.raw(operator)} ${seq}`

  const inOrder = (direction: 'asc' | 'desc' = 'asc') =>
    order.reduce((query, column) => query.orderBy(column, direction), store.selectFrom('events'))

  const readInfo = async (name: string) => {
    const row = await store.selectFrom('store_info').select('value').where('name', '=', name)
      .executeTakeFirst()
    return row?.value
  }

  /** The position of the newest event that was removed. */
  const floor = async () => readPosition(await readInfo('events_floor') ?? '') ?? origin

  return {
    floor,

    /** The id of the store, which positions for clients contain. */
    storeId: async () => (await readInfo('id')) ?? '',

    /** Reads at most `limit` events after a position. */
    async read (after: Position, limit: number): Promise<EventsRead> {
      const rows = await inOrder().selectAll().select(isSettled.as('settled'))
        .where(isAt('>', after)).limit(limit).execute() as Row[]
      // SQLite has no booleans.
      const first = rows.findIndex(({ settled }) => !settled)
      const settled = first === -1 ? rows : rows.slice(0, first)
      return {
        events: settled.map(toEvent),
        unsettled: rows.slice(settled.length).map(toEvent)
      }
    },

    /** The position of the newest event in its place. */
    async newest (): Promise<Position> {
      const row = await inOrder('desc').select(['xid', 'seq']).where(isSettled).limit(1)
        .executeTakeFirst()
      return row ?? await floor()
    },

    /** Removes the events that were written before a time (RFC 3339), and those before them. */
    async purge (before: string) {
      for (let removed = purgedAtOnce; removed === purgedAtOnce;) {
        const rows = await inOrder().select(['xid', 'seq', 'created_at']).limit(purgedAtOnce)
          .execute()
        const last = rows.findLast(({ created_at: time }) => time < before)
        if (last === undefined) return
        const value = positionText(last)
        await store.commit([
          store.deleteFrom('events').where(isAt('<=', last)),
          store.insertInto('store_info').values({ name: 'events_floor', value })
            .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
        ])
        removed = rows.indexOf(last) + 1
      }
    },

    /**
     * Empties the events of a store on PostgreSQL that was restored into another cluster, whose transactions have lower
     * numbers: new events would be placed before those of the old one.
     */
    async dropIfRestored () {
      if (store.kind !== 'postgres') return
      const row = await store.selectFrom('events').select('seq')
        .where(sql<boolean>`xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`)
        .limit(1).executeTakeFirst()
      if (row === undefined) return
      await store.commit([
        store.deleteFrom('events'),
        store.deleteFrom('store_info').where('name', '=', 'events_floor'),
        store.updateTable('store_info').set({ value: sql<string>`gen_random_uuid()::text` })
          .where('name', '=', 'id')
      ])
    },

    /** Whether a position is one from which no event is lost. */
    async covers (position: Position) {
      if (comparePositions(position, await floor()) < 0) return false
      const row = await store.selectFrom('events').select('seq').where(isAt('>=', position))
        .limit(1).executeTakeFirst()
      return row !== undefined || comparePositions(position, await floor()) === 0
    }
  }
}

export type EventLog = ReturnType<typeof createEventLog>
