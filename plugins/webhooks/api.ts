import { randomBytes } from 'node:crypto'
import { v7 as uuid } from '#uuid'
import { findUrlError, type UrlRules } from '../../config/webhook-url.ts'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import {
  ProblemError,
  type Webhook,
  type WebhookCreate,
  type WebhookDelivery,
  type WebhookFilter,
  type WebhookUpdate
} from '../../openapi/model/index.ts'
import { toCallerRef, type Caller } from '../auth/caller.ts'
import { positionText } from '../events/event.ts'
import { isEventPattern } from '../events/filter.ts'
import type { Events } from '../events/index.ts'
import { foreignCursor, readCursor, writeCursor } from '../lists/cursor.ts'
import { newestFirst } from '../store/newest-first.ts'
import type { Store } from '../store/tables.ts'
import { maySee, maySeeDelivery, requireManage } from './access.ts'
import { createTestEvent } from './own-events.ts'
import type { Registry } from './registry.ts'
import {
  fromDeliveryColumns,
  fromWebhookColumns,
  newDelivery,
  toDelivery,
  toDeliveryColumns,
  toWebhook,
  toWebhookColumns,
  type WebhookRow
} from './rows.ts'

interface Paging {
  limit: number
  cursor?: string
}

interface Page<T> {
  items: T[]
  next_cursor: string | null
  total: null
}

/**
 * The webhooks that a caller may see: its own, and all with the level admin on `*`. All methods throw ProblemError;
 * those of a webhook that the caller may not see throw resource_not_found.
 */
export interface Webhooks {
  /** Throws permission_denied without manage on the clouds of the filter, validation_failed. */
  create(input: WebhookCreate, caller: Caller): Promise<Webhook>
  list(query: Paging, caller: Caller): Promise<Page<Webhook>>
  get(id: string, caller: Caller): Promise<Webhook>
  update(id: string, input: WebhookUpdate, caller: Caller): Promise<Webhook>
  remove(id: string, caller: Caller): Promise<void>
  /** Sends an event of the type `webhook.test`, once. */
  test(id: string, caller: Caller): Promise<WebhookDelivery>
  /** The deliveries of events that the caller may still read, the newest first. */
  deliveries(id: string, query: Paging, caller: Caller): Promise<Page<WebhookDelivery>>
  delivery(id: string, delivery: string, caller: Caller): Promise<WebhookDelivery>
  /** Sends an event again. */
  redeliver(id: string, delivery: string, caller: Caller): Promise<WebhookDelivery>
}

const createSecret = () => `whsec_${randomBytes(32).toString('base64')}`

const notFound = (kind: string, id: string) =>
  new ProblemError('resource_not_found', `No ${kind} has the id "${id.slice(0, 64)}"`)

export interface WebhooksOptions {
  store: Store
  events: Events
  registry: Registry
  /** Which URLs are accepted. */
  rules: UrlRules
}

/** Creates the methods by which callers manage their webhooks. */
export function createWebhooks ({ store, events, registry, rules }: WebhooksOptions): Webhooks {
  const checkInput = ({ url, filter }: { url?: string, filter?: WebhookFilter }) => {
    const error = url === undefined ? undefined : findUrlError(url, rules)
    const types = filter?.types ?? []
    rejectFields([
      ...error === undefined ? [] : [fieldError('/url', error)],
      ...types.flatMap((type, i) =>
        isEventPattern(type) ? [] : [fieldError(`/filter/types/${i}`, 'must match a type of event')])
    ])
  }

  const read = async (id: string, caller: Caller): Promise<WebhookRow> => {
    const columns = await store.selectFrom('webhooks').selectAll().where('id', '=', id)
      .executeTakeFirst()
    const row = columns && fromWebhookColumns(columns)
    if (row === undefined || !maySee(caller, row)) throw notFound('webhook', id)
    return row
  }

  const readOfApi = async (id: string, caller: Caller) => {
    const row = await read(id, caller)
    if (row.origin === 'api') return row
    throw new ProblemError('permission_denied', 'The webhook is defined in the settings of the server', {
      hint: 'Change `webhooks.subscriptions` in the settings.'
    })
  }

  const readDelivery = async (id: string, delivery: string, caller: Caller) => {
    await read(id, caller)
    const columns = await store.selectFrom('webhook_deliveries').selectAll()
      .where('id', '=', delivery).where('webhook', '=', id).executeTakeFirst()
    const row = columns && fromDeliveryColumns(columns)
    if (row === undefined || !maySeeDelivery(caller, row)) throw notFound('delivery', delivery)
    return row
  }

  const readAfter = async (
    cursor: string | undefined,
    query: string,
    caller: Caller,
    length: number
  ) => {
    if (cursor === undefined) return undefined
    const { after } = await readCursor(cursor, query, { store, owner: caller.identity })
    const isValid = after?.length === length && after.every((value) => typeof value === 'string')
    if (!isValid) throw foreignCursor()
    return after as string[]
  }

  const writeAfter = (query: string, after: string[], caller: Caller) =>
    writeCursor({ query, after }, { store, owner: caller.identity })

  return {
    async create (input, caller) {
      const { url, filter = {}, format = 'json', secret = createSecret(), enabled = true } = input
      requireManage(caller, filter)
      checkInput({ url, filter })
      const row: WebhookRow = {
        id: uuid(),
        url,
        filter,
        format,
        secret,
        paused: enabled ? null : 'disabled',
        origin: 'api',
        owner: caller.identity,
        owned_by: toCallerRef(caller),
        claims: caller.claims ?? null,
        position: positionText(await events.newest()),
        created_at: new Date().toISOString()
      }
      await registry.write(row)
      return { ...toWebhook(row), secrets: { secret } }
    },

    async list ({ limit, cursor }, caller) {
      const [after] = await readAfter(cursor, 'webhooks', caller, 1) ?? []
      let query = store.selectFrom('webhooks').selectAll().orderBy('id').limit(limit + 1)
      if (after !== undefined) query = query.where('id', '>', after)
      if (!caller.mayEverywhere('admin')) {
        query = query.where('owner', '=', caller.identity).where('origin', '=', 'api')
      }
      const rows = (await query.execute()).map(fromWebhookColumns)
      const page = rows.slice(0, limit)
      const next = rows.length > limit
        ? await writeAfter('webhooks', [page.at(-1)!.id], caller)
        : null
      return { items: page.map(toWebhook), next_cursor: next, total: null }
    },

    get: async (id, caller) => toWebhook(await read(id, caller)),

    async update (id, { enabled, ...input }, caller) {
      const row = await readOfApi(id, caller)
      const next: WebhookRow = { ...row, ...input }
      requireManage(caller, row.filter)
      requireManage(caller, next.filter)
      checkInput(input)
      if (enabled === false) next.paused = 'disabled'
      if (enabled === true) next.paused = null
      // The position is that of the worker, which may go on meanwhile. What happened in a pause is not sent.
      const { position: _, ...columns } = toWebhookColumns(next)
      const resumed = row.paused !== null && next.paused === null
        ? { position: positionText(await events.newest()) }
        : {}
      await store.commit([
        store.updateTable('webhooks').set({ ...columns, ...resumed }).where('id', '=', id),
        ...registry.changed()
      ])
      await registry.reload()
      await registry.wake(id)
      return toWebhook(next)
    },

    async remove (id, caller) {
      await readOfApi(id, caller)
      await store.commit([store.deleteFrom('webhooks').where('id', '=', id), ...registry.changed()])
      await registry.cancel(id)
      await registry.reload()
    },

    async test (id, caller) {
      const webhook = await read(id, caller)
      requireManage(caller, webhook.filter)
      const row = newDelivery(id, createTestEvent(id))
      await store.insertInto('webhook_deliveries').values(toDeliveryColumns(row)).execute()
      await registry.wake(id)
      return toDelivery(row)
    },

    async deliveries (id, { limit, cursor }, caller) {
      await read(id, caller)
      const bound = `deliveries ${id}`
      const [createdAt, last] = await readAfter(cursor, bound, caller, 2) ?? []
      const after = createdAt === undefined ? undefined : { created_at: createdAt, id: last! }
      const query = store.selectFrom('webhook_deliveries').selectAll().where('webhook', '=', id)
      const rows = (await newestFirst(query, { limit: limit + 1, after }).execute())
        .map(fromDeliveryColumns)
      const page = rows.slice(0, limit)
      const end = page.at(-1)
      const next = rows.length > limit
        ? await writeAfter(bound, [end!.created_at, end!.id], caller)
        : null
      const items = page.filter((row) => maySeeDelivery(caller, row)).map(toDelivery)
      return { items, next_cursor: next, total: null }
    },

    delivery: async (id, delivery, caller) => toDelivery(await readDelivery(id, delivery, caller)),

    async redeliver (id, delivery, caller) {
      const webhook = await read(id, caller)
      requireManage(caller, webhook.filter)
      const row = await readDelivery(id, delivery, caller)
      const now = new Date().toISOString()
      const change = { status: 'pending' as const, created_at: row.created_at, next_attempt_at: now }
      await store.updateTable('webhook_deliveries').set(change).where('id', '=', delivery).execute()
      await registry.wake(id)
      return toDelivery({ ...row, ...change })
    }
  }
}
