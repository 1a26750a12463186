import fp from 'fastify-plugin'
import type { Settings } from '../../config/index.ts'
import { createAddressCheck } from '../../config/webhook-addresses.ts'
import { localCaller, type AcceptedClaims } from '../auth/caller.ts'
import { positionText } from '../events/event.ts'
import { StoreConflict } from '../store/errors.ts'
import { mayManage } from './access.ts'
import { createWebhooks, type Webhooks } from './api.ts'
import { createRegistry, jobName } from './registry.ts'
import type { WebhookRow } from './rows.ts'
import { syncSubscriptions } from './subscriptions.ts'
import { createWebhookWorker } from './worker.ts'

declare module 'fastify' {
  interface FastifyInstance {
    webhooks: Webhooks
  }
}

/** Webhooks that one server handles at once: a receiver that does not answer delays no other. */
const webhooksAtOnce = 500

/** Seconds between two looks for events that no server has handed to the webhooks, since it has ended. */
const lookSeconds = 15

const dayMs = 24 * 3_600_000

const isActive = ({ paused }: WebhookRow) => paused === null

/** Sends events to URLs. See worker.ts for the deliveries, api.ts for what callers do. */
export default fp<{ settings: Settings }>(async (fastify, { settings: all }) => {
  const { webhooks: settings, assignments: { claims_days: claimsDays } } = all
  const { auth, events, eventWatching, jobs, log, store } = fastify
  const registry = createRegistry(fastify)

  const usable = (claims: AcceptedClaims | null) =>
    claims !== null && Date.now() - claims.acceptedAt <= claimsDays * dayMs ? claims : undefined

  const findOwner = async ({ origin, owned_by: ref, claims, filter }: WebhookRow) => {
    if (origin === 'settings') return localCaller
    const owner = await auth.findPresent(ref, usable(claims))
    return owner !== undefined && mayManage(owner, filter) ? owner : undefined
  }

  const worker = createWebhookWorker({
    store,
    events,
    settings,
    log,
    findOwner,
    onChanged: registry.reloadOrLog
  })
  jobs.work(jobName, worker.work, { atOnce: webhooksAtOnce })
  jobs.every('webhook-look', lookSeconds, async () => {
    await registry.reload()
    for (const { id } of registry.known()) await registry.wake(id, { keep: true })
  })
  jobs.every('webhook-purge', 3600, async () => {
    const before = new Date(Date.now() - settings.keep_days * dayMs).toISOString()
    await store.deleteFrom('webhook_deliveries').where('created_at', '<', before)
      .where('next_attempt_at', 'is', null).execute()
  })

  eventWatching.addInterests(() =>
    registry.known().filter(isActive).map(({ filter }) => ({ filter, mayRead: () => true })))

  fastify.decorate('webhooks', createWebhooks({
    store,
    events,
    registry,
    rules: {
      allowHttp: settings.allow_http,
      mayConnect: createAddressCheck(settings.allow_addresses)
    }
  }))

  auth.onAcceptedToken(({ identity, claims }) => {
    if (claims === undefined || !registry.known().some(({ owner }) => owner === identity)) return
    store.updateTable('webhooks').set({ claims: JSON.stringify(claims) })
      .where('owner', '=', identity).execute()
      .catch((err: unknown) => log.warn({ err }, 'the claims of a caller could not be written'))
  })

  /** Before new events: those of a store that was restored may get lower positions than the old ones had. */
  const correctPositions = async () => {
    for (const webhook of registry.known()) {
      await worker.skipMissing(webhook, !isActive(webhook)).catch((error: unknown) => {
        // Another server has moved it.
        if (!(error instanceof StoreConflict)) throw error
      })
    }
  }

  fastify.addHook('onReady', async () => {
    await registry.reload()
    await correctPositions()
    const position = positionText(await events.newest())
    await syncSubscriptions(settings.subscriptions, { store, registry, position })
    await registry.reload()
  })
  fastify.addHook('onClose', async () => {
    await registry.close()
    await worker.close()
  })
}, {
  name: 'webhooks',
  dependencies: ['auth', 'event-watching', 'events', 'jobs', 'membership', 'store']
})
