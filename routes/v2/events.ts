import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '#typebox'
import { anyOf, cloudFilter, eventStream, queryOf } from '../../openapi/model/index.ts'
import { splitCommas } from '../collection.ts'

const eventId = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))

/** Events as they happen. */
const routes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { eventStreams } = fastify

  fastify.get('/events', {
    preValidation: splitCommas,
    config: {
      level: 'read',
      action: 'events.stream',
      isStream: true,
      mediaType: 'text/event-stream'
    },
    sse: 'manual',
    compress: false,
    schema: {
      operationId: 'streamEvents',
      summary: 'Receive events as they happen',
      description:
        'Server-sent events (text/event-stream): operations, nodes, volumes, clouds and assignments that the caller ' +
        'may read, from now on or after `Last-Event-ID`. The field `data` has the envelope of webhooks, `id` the ' +
        'position to continue from. If events before are missing, the first one is `reset`: list the resources ' +
        'again. Changes that are made outside of this server are found within `events.watch_seconds` while ' +
        'somebody listens. [How to use it](/docs/events.md)',
      tags: ['Events'],
      headers: Type.Object({
        'last-event-id': eventId('The `id` of the last event that the client has, which browsers send by themselves.')
      }),
      querystring: queryOf({
        ...cloudFilter,
        type: anyOf('Only events of these types; `*` matches any text: `node.*`.'),
        resource: Type.Optional(Type.String({
          minLength: 1,
          maxLength: 1024,
          description: 'Only events about the resource with this id or `self`, also of its operations.'
        })),
        // Not the name of the header: oapi-codegen makes one Go field of both.
        after: eventId('The same as the header `Last-Event-ID`, for the first request of a browser.')
      }),
      response: eventStream
    }
  }, async (request, reply) => {
    const { query: { cloud, type, resource, after }, headers } = request
    // A browser that connects again sends both: the query is the older one.
    const lastId = headers['last-event-id'] ?? after
    if (request.method === 'HEAD') return reply.type('text/event-stream').send('')
    return eventStreams.open(request, reply, { clouds: cloud, types: type, resource }, lastId)
  })
}

export default routes
