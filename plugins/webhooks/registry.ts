import type { FastifyInstance } from 'fastify'
import type { StoredEvent } from '../events/event.ts'
import { createEventFilter } from '../events/filter.ts'
import { createEventId } from '../events/writer.ts'
import type { StoreChange } from '../store/tables.ts'
import { fromWebhookColumns, toWebhookColumns, type WebhookRow } from './rows.ts'

/** The job that sends the events of one webhook. Its key is the id of the webhook. */
export const jobName = 'webhook'

/** The webhooks of the store. A change on one server is known on the others after a moment. */
export interface Registry {
  /** The webhooks of all servers, as this one knows them. */
  known(): readonly WebhookRow[]
  /** Reads the webhooks again. Throws store_unavailable. */
  reload(): Promise<void>
  reloadOrLog(): void
  /** Creates a webhook, or changes all but its position, which belongs to the worker. Throws store_unavailable. */
  write(row: WebhookRow): Promise<void>
  /** Tells the other servers, with the change of the store that it stands beside. */
  changed(): StoreChange[]
  /** Has the events of a webhook sent. With `keep`, a job that exists keeps its time. */
  wake(id: string, options?: { keep?: boolean }): Promise<void>
  /** Ends the sending of a webhook that was deleted. */
  cancel(id: string): Promise<void>
  close(): Promise<void>
}

/** Keeps the webhooks in memory, and has them handled when there are events for them. */
export function createRegistry (fastify: FastifyInstance): Registry {
  const { events, jobs, log, membership, store } = fastify
  let rows: WebhookRow[] = []
  let stopListening: Promise<() => void> | undefined

  const wake: Registry['wake'] = (id, { keep = false } = {}) =>
    jobs.schedule(jobName, id, Date.now(), undefined, { keep })

  const wakeOrLog = (id: string) => {
    wake(id).catch((err: unknown) => {
      log.warn({ err, webhook: id }, 'a webhook is handled later, since the store failed')
    })
  }

  const onEvents = (found: readonly StoredEvent[]) => {
    // The server that wrote an event wakes the webhooks. A job looks for those of a server that has ended.
    const own = found.filter(({ server }) => server === null || server === membership.id)
    if (own.length === 0) return
    for (const { id, filter } of rows) if (own.some(createEventFilter(filter))) wakeOrLog(id)
  }

  const listen = async () => {
    if (rows.length > 0) stopListening ??= events.onEvents(onEvents)
    else if (stopListening !== undefined) {
      const stop = stopListening
      stopListening = undefined
      ;(await stop)()
    }
    await stopListening
  }

  const reload = async () => {
    const found = await store.selectFrom('webhooks').selectAll().execute()
    rows = found.map(fromWebhookColumns)
    await listen()
  }

  const reloadOrLog = () => {
    reload().catch((err: unknown) => log.warn({ err }, 'the webhooks could not be read; tried later'))
  }

  const changed = () =>
    events.changes([{
      id: createEventId(),
      type: 'internal.webhooks',
      cloud: null,
      resource: null,
      content: {}
    }])

  events.onSeen(({ type }) => {
    if (type === 'internal.webhooks') reloadOrLog()
  })

  return {
    known: () => rows,
    reload,
    reloadOrLog,
    changed,
    wake,
    cancel: (id) => jobs.cancel(jobName, id),

    async write (row) {
      const { id, position, ...columns } = toWebhookColumns(row)
      await store.commit([
        store.insertInto('webhooks').values({ id, position, ...columns })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(columns)),
        ...changed()
      ])
      await reload()
    },

    async close () {
      ;(await stopListening)?.()
    }
  }
}
