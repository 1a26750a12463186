import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import {
  created,
  createHeaders,
  json,
  noContent,
  noFields,
  ok,
  pageAnswer,
  paging,
  queryOf,
  Webhook,
  WebhookCreate,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookPage,
  WebhookUpdate
} from '../../openapi/model/index.ts'

const tags = ['Webhooks']
const id = Type.String({ description: 'Id of the webhook.' })
const params = Type.Object({ id })
const deliveryParams = Type.Object({
  id,
  delivery: Type.String({ description: 'Id of the delivery.' })
})

const rights =
  'Needs the level manage on each cloud of the filter, or on `*` if the filter names none, as long as the ' +
  'webhook exists.'

/** URLs to which the server sends events. A caller sees its own; one with the level admin on `*` sees all. */
const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { webhooks } = fastify

  fastify.get('/webhooks', {
    config: { level: 'read', action: 'webhooks.list' },
    schema: {
      operationId: 'listWebhooks',
      summary: 'List webhooks',
      description: "The caller's own; with the level admin on `*` those of all callers and of the settings.",
      tags,
      querystring: queryOf(paging),
      response: pageAnswer(WebhookPage)
    }
  }, async ({ query, caller }) => webhooks.list(query, caller))

  fastify.post('/webhooks', {
    config: { level: 'read', action: 'webhooks.create' },
    schema: {
      operationId: 'createWebhook',
      summary: 'Create a webhook',
      description:
        `The server sends the events that match to the URL, signed by Standard Webhooks. ${rights} ` +
        '`secrets.secret` of the answer is shown only once. [How to receive](/docs/webhooks.md)',
      tags,
      headers: createHeaders,
      body: WebhookCreate,
      response: created(Webhook, 'The webhook.')
    }
  }, async (request, reply) =>
    fastify.idempotent(request, reply, async () => {
      const webhook = await webhooks.create(request.body, request.caller)
      return { status: 201, headers: { location: webhook.self }, body: webhook }
    }, { direct: true }))

  fastify.get('/webhooks/:id', {
    config: { level: 'read', action: 'webhooks.get' },
    schema: {
      operationId: 'getWebhook',
      summary: 'Get a webhook',
      description: 'The secret is not shown again.',
      tags,
      params,
      response: ok(Webhook, 'The webhook.')
    }
  }, async ({ params: { id }, caller }) => webhooks.get(id, caller))

  fastify.patch('/webhooks/:id', {
    config: { level: 'read', action: 'webhooks.update' },
    schema: {
      operationId: 'updateWebhook',
      summary: 'Change a webhook',
      description:
        'A merge patch (RFC 7396), but a filter replaces the one before. `enabled` pauses and resumes it; events ' +
        `of the time between are not sent. ${rights}`,
      tags,
      consumes: ['application/json', 'application/merge-patch+json'],
      params,
      body: WebhookUpdate,
      response: ok(Webhook, 'The webhook after the change.')
    }
  }, async ({ params: { id }, body, caller }) => webhooks.update(id, body, caller))

  fastify.delete('/webhooks/:id', {
    config: { level: 'read', action: 'webhooks.delete' },
    schema: {
      operationId: 'deleteWebhook',
      summary: 'Delete a webhook',
      description: 'Nothing more is sent, and its deliveries are removed.',
      tags,
      params,
      response: noContent('The webhook was deleted.')
    }
  }, async ({ params: { id }, caller }, reply) => {
    await webhooks.remove(id, caller)
    return reply.code(204).send()
  })

  fastify.post('/webhooks/:id/actions/test', {
    config: { level: 'read', action: 'webhooks.test' },
    schema: {
      operationId: 'testWebhook',
      summary: 'Send a test event',
      description: 'Sends an event of the type `webhook.test`, once. Read the delivery for the result.',
      tags,
      params,
      body: noFields,
      response: { 202: json(WebhookDelivery, 'The delivery.') }
    }
  }, async ({ params: { id }, caller }, reply) =>
    reply.code(202).send(await webhooks.test(id, caller)))

  fastify.get('/webhooks/:id/deliveries', {
    config: { level: 'read', action: 'webhooks.list_deliveries' },
    schema: {
      operationId: 'listWebhookDeliveries',
      summary: 'List what was sent to a webhook, the newest first',
      description:
        'With the status and the time of each attempt. Ended deliveries are kept for 7 days by default (setting ' +
        '`webhooks.keep_days`). Events of clouds that the caller may no longer read are left out.',
      tags,
      params,
      querystring: queryOf(paging),
      response: pageAnswer(WebhookDeliveryPage)
    }
  }, async ({ params: { id }, query, caller }) => webhooks.deliveries(id, query, caller))

  fastify.get('/webhooks/:id/deliveries/:delivery', {
    config: { level: 'read', action: 'webhooks.get_delivery' },
    schema: {
      operationId: 'getWebhookDelivery',
      summary: 'Get a delivery',
      description: 'Its attempts with their statuses and times.',
      tags,
      params: deliveryParams,
      response: ok(WebhookDelivery, 'The delivery.')
    }
  }, async ({ params: { id, delivery }, caller }) => webhooks.delivery(id, delivery, caller))

  fastify.post('/webhooks/:id/deliveries/:delivery/actions/redeliver', {
    config: { level: 'read', action: 'webhooks.redeliver' },
    schema: {
      operationId: 'redeliverWebhook',
      summary: 'Send an event again',
      description: 'With the same id, so that the receiver knows an event that it has already.',
      tags,
      params: deliveryParams,
      body: noFields,
      response: { 202: json(WebhookDelivery, 'The delivery.') }
    }
  }, async ({ params: { id, delivery }, caller }, reply) =>
    reply.code(202).send(await webhooks.redeliver(id, delivery, caller)))
}

export default routes
