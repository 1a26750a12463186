/**
 * The headers of Standard Webhooks 1.0. They are no parameters in the document: openapi-generator writes clients for
 * webhooks too, and those for Python with header parameters do not compile.
 */
const headers =
  'Headers (Standard Webhooks 1.0): `webhook-id` is the id of the event, the same when a delivery is repeated; ' +
  '`webhook-timestamp` is when the delivery was sent, in seconds since 1970; `webhook-signature` is `v1,` and the ' +
  'HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base64, with the secret of the subscription.'

const refTo = (schema: string) => ({ schema: { $ref: `#/components/schemas/${schema}` } })

const webhook = (schema: string, summary: string) => ({
  post: {
    operationId: `receive${schema}`,
    summary,
    description:
      'Sent to the URL of a subscription that wants it. Events can arrive twice and out of order: compare `id` and ' +
      `\`time\`. A subscription can choose CloudEvents. ${headers}`,
    tags: ['Events'],
    // The signature is in the headers.
    security: [],
    requestBody: {
      required: true,
      content: {
        'application/json': refTo(schema),
        'application/cloudevents+json': refTo('CloudEvent')
      }
    },
    responses: {
      '2XX': { description: 'The event was received. Any other answer is followed by another attempt.' }
    }
  }
})

/** The section `webhooks` of the document: what subscribers receive. Streams of events have the same envelope. */
export const describeWebhooks = (): Record<string, object> => ({
  operation: webhook('OperationEvent', 'An operation was created, has another phase or has ended'),
  resource: webhook(
    'ResourceEvent',
    'A node or a volume was created, has another state or was destroyed'
  ),
  cloud: webhook('CloudStatusEvent', 'A cloud no longer answers, or answers again'),
  assignment: webhook('AssignmentEvent', 'An assignment was made, changed or has ended'),
  reset: webhook('ResetEvent', 'Events are missing: list the resources again')
})
