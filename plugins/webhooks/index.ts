import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import { v5 as namedUuid, v7 as uuid } from '#uuid'
import type { Settings } from '../../config/index.ts'
import { createAddressCheck } from '../../config/webhook-addresses.ts'
import { findUrlError } from '../../config/webhook-url.ts'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import {
  ProblemError,
  type Webhook,
  type WebhookCreate,
  type WebhookDelivery,
  type WebhookFilter,
  type WebhookUpdate
} from '../../openapi/model/index.ts'
import { localCaller, toCallerRef, type AcceptedClaims, type Caller } from '../auth/caller.ts'
import { positionText, type StoredEvent } from '../events/event.ts'
import { createEventFilter, isEventPattern } from '../events/filter.ts'
import { createEventId } from '../events/writer.ts'
import { foreignCursor, readCursor, writeCursor } from '../lists/cursor.ts'
import { StoreConflict } from '../store/errors.ts'
import { newestFirst } from '../store/newest-first.ts'
import { createTestEvent } from './own-events.ts'
import {
  fromDeliveryColumns,
  fromWebhookColumns,
  newDelivery,
  toDelivery,
  toDeliveryColumns,
  toWebhook,
  toWebhookColumns,
  type DeliveryRow,
  type WebhookRow
} from './rows.ts'
import { createWebhookWorker } from './worker.ts'

declare module 'fastify' {
  interface FastifyInstance {
    webhooks: Webhooks
  }
}

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

const jobName = 'webhook'

/** Webhooks that one server handles at once: a receiver that does not answer delays no other. */
const webhooksAtOnce = 500

/** Seconds between two looks for events that no server has handed to the webhooks, since it has ended. */
const lookSeconds = 15

const dayMs = 24 * 3_600_000

/** The namespace of the ids of the webhooks in the settings, which are made of their names. */
const namespace = '0b4c5a3e-6f0e-4c11-9d6a-5f6e3f0d7a54'

const createSecret = () => `whsec_${randomBytes(32).toString('base64')}`

const notFound = (kind: string, id: string) =>
  new ProblemError('resource_not_found', `No ${kind} has the id "${id.slice(0, 64)}"`)

/** Whether a caller may have a webhook with this filter. */
const mayManage = (caller: Caller, { clouds }: WebhookFilter) =>
  clouds === undefined
    ? caller.mayEverywhere('manage')
    : clouds.every((cloud) => caller.may('manage', cloud))

function requireManage (caller: Caller, { clouds }: WebhookFilter) {
  if (mayManage(caller, { clouds }) && caller.kind !== 'anonymous') return
  const place = clouds === undefined
    ? '* (all clouds), or a filter with clouds,'
    : `the clouds ${clouds.join(', ')}`
  throw new ProblemError('permission_denied', `${caller.name} needs the level manage on ${place} for this`, {
    hint: 'Ask the administrator of this server for a grant. GET /api/v2/me lists your grants.'
  })
}

/** Sends events to URLs. See worker.ts for the deliveries. */
export default fp<{ settings: Settings }>(async (fastify, { settings: all }) => {
  const { webhooks: settings, assignments: { claims_days: claimsDays } } = all
  const { auth, events, eventWatching, jobs, log, membership, store } = fastify
  const rules = {
    allowHttp: settings.allow_http,
    mayConnect: createAddressCheck(settings.allow_addresses)
  }
  /** The webhooks of all servers. Those of others are known after a moment. */
  let known: WebhookRow[] = []
  let stopListening: Promise<() => void> | undefined

  const usable = (claims: AcceptedClaims | null) =>
    claims !== null && Date.now() - claims.acceptedAt <= claimsDays * dayMs ? claims : undefined

  const findOwner = async ({ origin, owned_by: ref, claims, filter }: WebhookRow) => {
    if (origin === 'settings') return localCaller
    const owner = await auth.findPresent(ref, usable(claims))
    return owner !== undefined && mayManage(owner, filter) ? owner : undefined
  }

  const wake = (id: string, at = Date.now(), keep = false) =>
    jobs.schedule(jobName, id, at, undefined, { keep })

  const wakeOrLog = (id: string) => {
    wake(id).catch((err: unknown) => {
      log.warn({ err, webhook: id }, 'a webhook is handled later, since the store failed')
    })
  }

  const onEvents = (found: readonly StoredEvent[]) => {
    // The server that wrote an event wakes the webhooks. The look finds those of a server that has ended.
    const own = found.filter(({ server }) => server === null || server === membership.id)
    if (own.length === 0) return
    for (const { id, filter } of known) if (own.some(createEventFilter(filter))) wakeOrLog(id)
  }

  const listen = async () => {
    if (known.length > 0) stopListening ??= events.onEvents(onEvents)
    else if (stopListening !== undefined) {
      const stop = stopListening
      stopListening = undefined
      ;(await stop)()
    }
    await stopListening
  }

  const reload = async () => {
    const rows = await store.selectFrom('webhooks').selectAll().execute()
    known = rows.map(fromWebhookColumns)
    await listen()
  }

  const reloadOrLog = () => {
    reload().catch((err: unknown) => log.warn({ err }, 'the webhooks could not be read; tried later'))
  }

  const worker = createWebhookWorker({
    store,
    events,
    settings,
    log,
    findOwner,
    onChanged: reloadOrLog
  })
  jobs.work(jobName, worker.work, { atOnce: webhooksAtOnce })
  jobs.every('webhook-look', lookSeconds, async () => {
    await reload()
    for (const { id } of known) await wake(id, Date.now(), true)
  })
  jobs.every('webhook-purge', 3600, async () => {
    const before = new Date(Date.now() - settings.keep_days * dayMs).toISOString()
    await store.deleteFrom('webhook_deliveries').where('created_at', '<', before)
      .where('next_attempt_at', 'is', null).execute()
  })

  const isActive = ({ paused }: WebhookRow) => paused === null
  eventWatching.addInterests(() =>
    known.filter(isActive).map(({ filter }) => ({ filter, mayRead: () => true })))

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

  const write = async (row: WebhookRow) => {
    const { id, ...columns } = toWebhookColumns(row)
    await store.commit([
      store.insertInto('webhooks').values({ id, ...columns })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns)),
      ...changed()
    ])
    await reload()
  }

  const checkInput = ({ url, filter }: { url?: string, filter?: WebhookFilter }) => {
    const error = url === undefined ? undefined : findUrlError(url, rules)
    const types = filter?.types ?? []
    rejectFields([
      ...error === undefined ? [] : [fieldError('/url', error)],
      ...types.flatMap((type, i) =>
        isEventPattern(type) ? [] : [fieldError(`/filter/types/${i}`, 'must match a type of event')])
    ])
  }

  /** Webhooks of the settings belong to the server. */
  const maySee = (caller: Caller, { origin, owner }: WebhookRow) =>
    (origin === 'api' && owner === caller.identity) || caller.mayEverywhere('admin')

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

  const maySeeDelivery = (caller: Caller, { event: { cloud } }: DeliveryRow) =>
    cloud === null || caller.may('read', cloud)

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

  fastify.decorate('webhooks', {
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
      await write(row)
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
        ...changed()
      ])
      await reload()
      await wake(id)
      return toWebhook(next)
    },

    async remove (id, caller) {
      await readOfApi(id, caller)
      await store.commit([store.deleteFrom('webhooks').where('id', '=', id), ...changed()])
      await jobs.cancel(jobName, id)
      await reload()
    },

    async test (id, caller) {
      const webhook = await read(id, caller)
      requireManage(caller, webhook.filter)
      const row = newDelivery(id, createTestEvent(id))
      await store.insertInto('webhook_deliveries').values(toDeliveryColumns(row)).execute()
      await wake(id)
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
      await wake(id)
      return toDelivery({ ...row, ...change })
    }
  } satisfies Webhooks)

  auth.onAcceptedToken(({ identity, claims }) => {
    if (claims === undefined || !known.some(({ owner }) => owner === identity)) return
    store.updateTable('webhooks').set({ claims: JSON.stringify(claims) })
      .where('owner', '=', identity).execute()
      .catch((err: unknown) => log.warn({ err }, 'the claims of a caller could not be written'))
  })

  /** Brings the webhooks of the settings into the store, and removes those that are no longer there. */
  const syncSettings = async () => {
    const wanted = settings.subscriptions.map(({ name, url, secret, format, ...filter }) => ({
      id: namedUuid(name, namespace), url, secret, format, filter
    }))
    const present = await store.selectFrom('webhooks').selectAll().where('origin', '=', 'settings')
      .execute()
    for (const { id } of present) {
      if (!wanted.some((one) => one.id === id)) {
        await store.deleteFrom('webhooks').where('id', '=', id).execute()
      }
    }
    const position = positionText(await events.newest())
    for (const one of wanted) {
      const before = present.find(({ id }) => id === one.id)
      await write({
        ...one,
        paused: null,
        origin: 'settings',
        owner: localCaller.identity,
        owned_by: toCallerRef(localCaller),
        claims: null,
        position: before?.position ?? position,
        created_at: before?.created_at ?? new Date().toISOString()
      })
    }
  }

  /** Before new events: those of a store that was restored may get lower positions than the old ones had. */
  const correctPositions = async () => {
    for (const webhook of known) {
      await worker.skipMissing(webhook, !isActive(webhook)).catch((error: unknown) => {
        // Another server has moved it.
        if (!(error instanceof StoreConflict)) throw error
      })
    }
  }

  fastify.addHook('onReady', async () => {
    await reload()
    await correctPositions()
    await syncSettings()
    await reload()
  })
  fastify.addHook('onClose', async () => {
    ;(await stopListening)?.()
    await worker.close()
  })
}, {
  name: 'webhooks',
  dependencies: ['auth', 'event-watching', 'events', 'jobs', 'membership', 'store']
})
