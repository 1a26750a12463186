import { Type, type Static } from '#typebox'
import { CallerRef } from './caller.ts'
import {
  inputObject,
  integer,
  map,
  nullable,
  nullableInteger,
  nullableRef,
  nullableString,
  openEnum,
  patchObject,
  Timestamp
} from './common.ts'
import { model } from './model.ts'

/** The bodies that a webhook can send. */
export const webhookFormats = ['json', 'cloudevents'] as const

/** Why a webhook sends nothing now. */
export const pauseReasons = ['disabled', 'permission_lost', 'gone'] as const
export type PauseReason = typeof pauseReasons[number]

/** Why an attempt had no answer, or none that counts. */
export const attemptErrors = [
  'address_refused',
  'name_not_found',
  'connection_failed',
  'tls_failed',
  'timeout',
  'status',
  'permission_lost'
] as const
export type AttemptError = typeof attemptErrors[number]

export const deliveryStatuses = ['pending', 'succeeded', 'failed'] as const
export type DeliveryStatus = typeof deliveryStatuses[number]

const url = Type.String({
  minLength: 1,
  maxLength: 2048,
  description:
    'URL of the receiver: https, without a user and a password. Its address must be public, unless the ' +
    'settings allow it (`webhooks.allow_addresses`).',
  examples: ['https://portal.example.org/hooks/clouds']
})

const clouds = Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }), {
  minItems: 1,
  maxItems: 1000,
  description: 'Only events of these clouds. Needs the level manage on each of them.',
  examples: [['prod']]
})

const types = Type.Array(Type.String({ pattern: '^[a-z*][a-z_.*]{0,63}$' }), {
  minItems: 1,
  maxItems: 100,
  description: 'Only events of these types; `*` matches any text.',
  examples: [['operation.ended', 'node.*']]
})

const resource = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'Only events about the resource with this id or `self`, also of its operations.'
})

const secret = Type.String({
  pattern: '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$',
  description:
    '`whsec_` and 24 to 64 bytes in base64, which sign each delivery. Without it, the server makes one.'
})

const format = Type.Enum([...webhookFormats], {
  type: 'string',
  default: 'json',
  description:
    'json: the event as in the stream of events; cloudevents: a CloudEvent (application/cloudevents+json).'
})

const enabled = Type.Boolean({ default: true, description: 'false pauses the webhook.' })

export type WebhookFilter = Static<typeof WebhookFilter>
export const WebhookFilter = model(
  'WebhookFilter',
  inputObject({}, { clouds, types, resource }, {
    description:
      'Which events are sent. All conditions must match; without any, all events are sent. The event `reset`, which ' +
      'tells that events are missing, is sent in any case.'
  })
)

export type WebhookCreate = Static<typeof WebhookCreate>
export const WebhookCreate = model(
  'WebhookCreate',
  inputObject({ url }, { filter: WebhookFilter, format, secret, enabled })
)

export type WebhookUpdate = Static<typeof WebhookUpdate>
export const WebhookUpdate = model(
  'WebhookUpdate',
  patchObject({
    url,
    filter: WebhookFilter,
    format: Type.Enum([...webhookFormats], { type: 'string', description: 'As at the creation.' }),
    secret,
    enabled: Type.Boolean({ description: 'false pauses the webhook, true resumes it.' })
  })
)

export type Webhook = Static<typeof Webhook>
export const Webhook = model(
  'Webhook',
  Type.Object({
    id: Type.String(),
    url: Type.String({ description: 'URL of the receiver.' }),
    filter: WebhookFilter,
    format: openEnum(webhookFormats, 'The body that is sent.'),
    enabled: Type.Boolean(),
    state: openEnum(['active', 'paused'], 'Whether events are sent.'),
    paused_reason: nullable(openEnum(
      pauseReasons,
      'Why nothing is sent. disabled: by an update; permission_lost: the owner no longer has the level manage; ' +
        'gone: the receiver answered 410, and an update with `enabled` resumes it.'
    )),
    origin: openEnum(['api', 'settings'], 'Where it is defined. The API does not change those of the settings.'),
    owner: nullableRef(CallerRef, 'Who created it; null without callers, and for those of the settings.'),
    created_at: Timestamp('When it was created.'),
    self: Type.String(),
    secrets: Type.Optional(map(Type.String(), {
      description: 'Only in the first response: the secret with which the receiver verifies deliveries.',
      examples: [{ secret: 'whsec_…' }]
    }))
  }, { description: 'A URL to which the server sends events.' })
)

export const WebhookPage = model(
  'WebhookPage',
  Type.Object({
    items: Type.Array(Webhook),
    next_cursor: nullableString('Cursor of the next page; null on the last page.'),
    total: nullableInteger()
  })
)

export type WebhookAttempt = Static<typeof WebhookAttempt>
export const WebhookAttempt = model(
  'WebhookAttempt',
  Type.Object({
    at: Timestamp('When the request was sent.'),
    status: nullableInteger('The HTTP status of the answer; null without an answer.'),
    error: nullable(openEnum(
      attemptErrors,
      'Why the attempt failed; null if it succeeded. status: the answer was not 2xx.'
    )),
    detail: nullableString('The same in a sentence, with the code of the error; null if the attempt succeeded.'),
    milliseconds: integer({ minimum: 0, description: 'The time until the answer.' })
  }, { description: 'A request to the receiver. The bodies of answers are not kept.' })
)

export type WebhookDelivery = Static<typeof WebhookDelivery>
export const WebhookDelivery = model(
  'WebhookDelivery',
  Type.Object({
    id: Type.String(),
    event_id: Type.String({ description: 'Id of the event: the header `webhook-id`.' }),
    type: Type.String({ description: 'Type of the event.' }),
    cloud: nullableString('Name of the cloud of the event.'),
    resource: nullableString('Path of the resource of the event.'),
    status: openEnum(deliveryStatuses, 'pending: it is sent, or sent again.'),
    created_at: Timestamp('When the delivery was made.'),
    next_attempt_at: Timestamp('When it is sent again; null if it has ended.'),
    attempts: Type.Array(WebhookAttempt, { description: 'The oldest first.' }),
    self: Type.String()
  }, { description: 'The sending of an event to a webhook.' })
)

export const WebhookDeliveryPage = model(
  'WebhookDeliveryPage',
  Type.Object({
    items: Type.Array(WebhookDelivery),
    next_cursor: nullableString('Cursor of the next page; null on the last page.'),
    total: nullableInteger()
  })
)
