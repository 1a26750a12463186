import type { Settings } from '../../config/index.ts'
import type { Log } from '../../drivers/call.ts'
import type { EventEnvelope, PauseReason } from '../../openapi/model/index.ts'
import type { Caller } from '../auth/caller.ts'
import { toCloudEvent } from '../events/envelope.ts'
import { isInternal, positionText, readPosition, type StoredEvent } from '../events/event.ts'
import { createEventFilter } from '../events/filter.ts'
import type { Events } from '../events/index.ts'
import type { Job } from '../jobs/runner.ts'
import { StoreConflict } from '../store/errors.ts'
import { exactlyOne, type Store } from '../store/tables.ts'
import { createResetEvent, testType } from './own-events.ts'
import {
  fromDeliveryColumns,
  fromWebhookColumns,
  newDelivery,
  toDeliveryColumns,
  type DeliveryRow,
  type WebhookRow
} from './rows.ts'
import { createSender, type Outcome, type Sender } from './sender.ts'

/** Events that are read at once, and deliveries. */
const readAtOnce = 200

/** The longest pause between two attempts, in milliseconds. */
const maxPause = 4 * 3_600_000

const hourMs = 3_600_000

/** The answer of a receiver that wants no more (Standard Webhooks, "Gone"). */
const gone = 410

/** The parts of a webhook that must not have changed since it was read, when its position is moved. */
type Moved = Pick<WebhookRow, 'id' | 'position' | 'filter'>

export interface WorkerOptions {
  store: Store
  events: Events
  settings: Settings['webhooks']
  log: Log
  /** The owner with its present grants, if it may still have the webhook. Throws store_unavailable. */
  findOwner(webhook: WebhookRow): Promise<Caller | undefined>
  /** Called after the state of a webhook was changed. */
  onChanged(): void
}

/**
 * Does the work of one webhook: makes deliveries from the events after its position, in one commit with the new
 * position, so that no event is lost or made twice; and sends those that are due.
 */
export function createWebhookWorker (options: WorkerOptions) {
  const { store, events, settings, log, findOwner, onChanged } = options
  const { at_once: atOnce, retry_seconds: retrySeconds, retry_hours: retryHours } = settings
  let sender: Promise<Sender> | undefined

  const read = async (id: string) => {
    const columns = await store.selectFrom('webhooks').selectAll().where('id', '=', id)
      .executeTakeFirst()
    return columns && fromWebhookColumns(columns)
  }

  const pause = async ({ id, paused }: WebhookRow, reason: PauseReason | null) => {
    if (paused === reason) return
    await store.updateTable('webhooks').set({ paused: reason }).where('id', '=', id).execute()
    log.info({ webhook: id, reason }, reason === null ? 'a webhook is active' : 'a webhook is paused')
    onChanged()
  }

  /**
   * Moves a webhook from its position to another and makes deliveries. Throws StoreConflict if it was moved before, or
   * if its filter was changed: events after that are for the new filter.
   */
  const move = async (
    { id, position, filter }: Moved,
    next: string,
    wanted: readonly StoredEvent[]
  ) =>
    store.commit([
      exactlyOne(
        store.updateTable('webhooks').set({ position: next })
          .where('id', '=', id).where('position', '=', position).where('filter', '=', JSON.stringify(filter))
      ),
      ...wanted.map((event) =>
        store.insertInto('webhook_deliveries').values(toDeliveryColumns(newDelivery(id, event)))
          .onConflict((conflict) => conflict.columns(['webhook', 'event_id']).doNothing()))
    ])

  /**
   * If events after the position of a webhook are missing, moves it to the oldest that is there and tells its receiver.
   * Returns its new position; undefined if none are missing.
   */
  const skipMissing = async (
    webhook: Moved,
    isPaused: boolean
  ): Promise<string | undefined> => {
    if (await events.covers(readPosition(webhook.position)!)) return undefined
    const next = positionText(await events.oldest())
    await move(webhook, next, isPaused ? [] : [createResetEvent()])
    if (!isPaused) {
      log.warn(
        { webhook: webhook.id },
        'events for a webhook are no longer kept; its receiver gets the event reset in their place'
      )
    }
    return next
  }

  /** Makes the deliveries of the events after the position of a webhook. Of a paused one, the events are skipped. */
  const collect = async (webhook: WebhookRow, isPaused: boolean, signal: AbortSignal) => {
    const { id, filter } = webhook
    const wants = createEventFilter(filter)
    let { position } = webhook
    while (!signal.aborted) {
      const { events: found } = await events.read(readPosition(position)!, readAtOnce)
      // Asked after the read: events can be removed at any moment.
      const skipped = await skipMissing({ id, position, filter }, isPaused)
      if (skipped !== undefined) {
        position = skipped
        continue
      }
      const last = found.at(-1)
      if (last === undefined) return
      const wanted = isPaused ? [] : found.filter((event) => !isInternal(event) && wants(event))
      const next = positionText(last.position)
      await move({ id, position, filter }, next, wanted)
      position = next
    }
  }

  const dueOf = async (id: string): Promise<DeliveryRow[]> => {
    const rows = await store.selectFrom('webhook_deliveries').selectAll()
      .where('webhook', '=', id).where('next_attempt_at', '<=', new Date().toISOString())
      .orderBy('next_attempt_at').limit(readAtOnce).execute()
    return rows.map(fromDeliveryColumns)
  }

  const envelopeOf = (event: StoredEvent, owner: Caller): EventEnvelope | undefined => {
    if (event.type !== testType) return events.show(event, owner)
    const { id, type, time, cloud, resource, content: data } = event
    return { id, type, time, cloud, resource, data }
  }

  const send = async (
    { url, secret, format }: WebhookRow,
    envelope: EventEnvelope,
    signal: AbortSignal
  ): Promise<Outcome> => {
    const isCloudEvent = format === 'cloudevents'
    sender ??= createSender(settings)
    return (await sender).send({
      url,
      secret,
      id: envelope.id,
      body: JSON.stringify(isCloudEvent ? toCloudEvent(envelope, settings.source) : envelope),
      contentType: isCloudEvent ? 'application/cloudevents+json' : 'application/json'
    }, signal)
  }

  /** When a failed delivery is sent again; null if it is given up. */
  const nextAttempt = ({ attempts, created_at, event }: DeliveryRow, now: number) => {
    if (event.type === testType) return null
    // Up to a tenth later, so that the deliveries of an outage do not come all at once.
    const factor = 4 ** Math.min(attempts.length - 1, 20) * (1 + Math.random() / 10)
    const at = now + Math.min(maxPause, retrySeconds * 1000 * factor)
    return at > Date.parse(created_at) + retryHours * hourMs ? null : new Date(at).toISOString()
  }

  const record = async (row: DeliveryRow, outcome: Outcome, at: number) => {
    const attempt = { at: new Date(at).toISOString(), ...outcome, milliseconds: Date.now() - at }
    const tried = { ...row, attempts: [...row.attempts, attempt] }
    const isFinal = outcome.error === null || outcome.error === 'permission_lost'
    const next = isFinal ? null : nextAttempt(tried, Date.now())
    const status = outcome.error === null ? 'succeeded' : next === null ? 'failed' : 'pending'
    await store.updateTable('webhook_deliveries')
      .set({ status, next_attempt_at: next, attempts: JSON.stringify(tried.attempts) })
      .where('id', '=', row.id).execute()
  }

  const deliver = async (
    webhook: WebhookRow,
    owner: Caller,
    row: DeliveryRow,
    signal: AbortSignal
  ) => {
    const envelope = envelopeOf(row.event, owner)
    const at = Date.now()
    const outcome: Outcome = envelope === undefined
      ? { status: null, error: 'permission_lost', detail: 'The owner of the webhook may not read the event.' }
      : await send(webhook, envelope, signal)
    // It is not known whether the receiver has got it: it is sent again.
    if (signal.aborted) return
    await record(row, outcome, at)
    if (outcome.status === gone) await pause(webhook, 'gone')
  }

  /** Sends what is due, some at once. Each delivery asks for the present webhook and the grants of its owner. */
  const deliverBatch = async (id: string, signal: AbortSignal) => {
    const waiting = await dueOf(id)
    const count = waiting.length
    const deliverNext = async () => {
      for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
        const webhook = await read(id)
        const owner = webhook?.paused === null ? await findOwner(webhook) : undefined
        if (owner === undefined || signal.aborted) return
        await deliver(webhook!, owner, row, signal)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, deliverNext))
    return count
  }

  /** When the next delivery of a webhook is due, in milliseconds since 1970. */
  const nextDue = async (id: string) => {
    const row = await store.selectFrom('webhook_deliveries').select('next_attempt_at')
      .where('webhook', '=', id).where('next_attempt_at', 'is not', null)
      .orderBy('next_attempt_at').limit(1).executeTakeFirst()
    return row === undefined ? undefined : Date.parse(row.next_attempt_at!)
  }

  return {
    skipMissing,
    /** Handles the job of a webhook. */
    async work ({ key: id, signal }: Job): Promise<number | undefined> {
      try {
        for (let sent = 1; sent > 0 && !signal.aborted;) {
          const webhook = await read(id)
          if (webhook === undefined) return undefined
          const owner = await findOwner(webhook)
          const isByOwner = webhook.paused === 'disabled' || webhook.paused === 'gone'
          if (!isByOwner) await pause(webhook, owner === undefined ? 'permission_lost' : null)
          const isPaused = isByOwner || owner === undefined
          await collect(webhook, isPaused, signal)
          if (isPaused) return undefined
          sent = await deliverBatch(id, signal)
        }
      } catch (error) {
        // The webhook was changed or removed meanwhile.
        if (!(error instanceof StoreConflict)) throw error
        return Date.now()
      }
      return nextDue(id)
    },
    async close () {
      await (await sender)?.close()
    }
  }
}
