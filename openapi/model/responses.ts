import { Type, type TSchema } from '#typebox'
import { Operation } from './operation.ts'
import { PartialPage, partialType } from './page.ts'

/** A JSON response with this schema. plugins/openapi adds the headers and the problems of the operation. */
export const json = <T extends TSchema>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } }
})

export const ok = <T extends TSchema>(schema: T, description: string) => ({
  200: json(schema, description)
})

export const created = <T extends TSchema>(schema: T, description: string) => ({
  201: json(schema, description)
})

/** A response that goes on: server-sent events. */
export const eventStream = {
  200: {
    description:
      'The events. Each has the fields `id`, `event` (the type) and `data`: an OperationEvent, ResourceEvent, ' +
      'CloudStatusEvent, AssignmentEvent or ResetEvent in one line of JSON. Comments are signs of life.',
    content: { 'text/event-stream': { schema: Type.String() } }
  }
}

/** A response without a body. */
export const noContent = (description: string) => ({ 204: { type: 'null', description } })

export const pageAnswer = <T extends TSchema>(schema: T) => ok(schema, 'A page.')

/** The response of a list that has `fields`. */
export const listAnswer = <T extends TSchema>(schema: T) => {
  const { 200: { description, content } } = pageAnswer(schema)
  return { 200: { description, content: { ...content, [partialType]: { schema: PartialPage } } } }
}

/** The responses of a change that takes time. */
export const operationAnswer = () => ({
  200: json(
    Operation,
    'The operation ended within the time of `Prefer: wait`, or there was nothing to do.'
  ),
  202: json(
    Operation,
    'The cloud accepted the request, or its response was lost and the server finds out the ' +
      'outcome. Read the operation for the result.'
  )
})

export const preferHeader = Type.Object({
  prefer: Type.Optional(Type.String({
    maxLength: 1024,
    description:
      '`wait=30` holds the response until the operation ends, for at most that many seconds (maximum: 60).',
    examples: ['wait=30']
  }))
})

export const createHeaders = Type.Object({
  ...preferHeader.properties,
  'idempotency-key': Type.Optional(Type.String({
    // Draft 07 of the header has a quoted string.
    pattern: '^"?[ -~]{1,255}"?$',
    description:
      'A unique text for each new request, 1 to 255 printable ASCII characters. For 24 hours, the same ' +
      'request with the same key returns the response of the first request.'
  }))
})
