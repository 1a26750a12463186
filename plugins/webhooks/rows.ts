import { v7 as uuid } from '#uuid'
import type {
  CallerRef,
  DeliveryStatus,
  PauseReason,
  Webhook,
  WebhookAttempt,
  WebhookDelivery,
  WebhookFilter
} from '../../openapi/model/index.ts'
import type { AcceptedClaims } from '../auth/caller.ts'
import type { StoredEvent } from '../events/event.ts'
import type { Tables } from '../store/tables.ts'

/** A webhook, as the server keeps it. */
export interface WebhookRow {
  id: string
  url: string
  filter: WebhookFilter
  format: 'json' | 'cloudevents'
  secret: string
  paused: PauseReason | null
  origin: 'api' | 'settings'
  /** The identity of the caller who created it. */
  owner: string
  owned_by: CallerRef
  claims: AcceptedClaims | null
  position: string
  created_at: string
}

/** An event that is sent to a webhook. */
export interface DeliveryRow {
  id: string
  webhook: string
  event_id: string
  event: StoredEvent
  status: DeliveryStatus
  attempts: WebhookAttempt[]
  created_at: string
  next_attempt_at: string | null
}

export const toWebhookColumns = (row: WebhookRow): Tables['webhooks'] => ({
  ...row,
  filter: JSON.stringify(row.filter),
  owned_by: JSON.stringify(row.owned_by),
  claims: row.claims === null ? null : JSON.stringify(row.claims)
})

export const fromWebhookColumns = (columns: Tables['webhooks']): WebhookRow => ({
  ...columns,
  filter: JSON.parse(columns.filter) as WebhookFilter,
  format: columns.format as WebhookRow['format'],
  paused: columns.paused as PauseReason | null,
  origin: columns.origin as WebhookRow['origin'],
  owned_by: JSON.parse(columns.owned_by) as CallerRef,
  claims: JSON.parse(columns.claims ?? 'null') as AcceptedClaims | null
})

export const toDeliveryColumns = (row: DeliveryRow): Tables['webhook_deliveries'] => ({
  ...row,
  event: JSON.stringify(row.event),
  attempts: JSON.stringify(row.attempts)
})

export const fromDeliveryColumns = (columns: Tables['webhook_deliveries']): DeliveryRow => ({
  ...columns,
  event: JSON.parse(columns.event) as StoredEvent,
  status: columns.status as DeliveryStatus,
  attempts: JSON.parse(columns.attempts) as WebhookAttempt[]
})

/** Makes the delivery of an event, which is due at once. */
export function newDelivery (webhook: string, event: StoredEvent): DeliveryRow {
  const now = new Date().toISOString()
  return {
    id: uuid(),
    webhook,
    event_id: event.id,
    event,
    status: 'pending',
    attempts: [],
    created_at: now,
    next_attempt_at: now
  }
}

const pathOf = (id: string) => `/api/v2/webhooks/${id}`

/** Converts a webhook to that of the API, without its secret. */
export const toWebhook = (row: WebhookRow): Webhook => ({
  id: row.id,
  url: row.url,
  filter: row.filter,
  format: row.format,
  enabled: row.paused !== 'disabled',
  state: row.paused === null ? 'active' : 'paused',
  paused_reason: row.paused,
  origin: row.origin,
  owner: row.owned_by.kind === 'local' ? null : row.owned_by,
  created_at: row.created_at,
  self: pathOf(row.id)
})

export const toDelivery = (row: DeliveryRow): WebhookDelivery => ({
  id: row.id,
  event_id: row.event_id,
  type: row.event.type,
  cloud: row.event.cloud,
  resource: row.event.resource,
  status: row.status,
  created_at: row.created_at,
  next_attempt_at: row.next_attempt_at,
  // Rows of earlier versions have no detail.
  attempts: row.attempts.map((attempt) => ({ ...attempt, detail: attempt.detail ?? null })),
  self: `${pathOf(row.webhook)}/deliveries/${row.id}`
})
