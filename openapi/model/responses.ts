import { Type, type TSchema } from 'typebox'
import { Operation } from './operation.ts'
import { Problem } from './problem.ts'

const problem = (description: string) => ({
  description, content: { 'application/problem+json': { schema: Problem } }
})

const header = (description: string) => ({ type: 'string', description })

interface ResponseDetails {
  description: string
  headers?: Record<string, object>
}

/** A JSON response with this schema. */
export const json = <T extends TSchema>(schema: T, { description, headers = {} }: ResponseDetails) => ({
  description,
  headers: { 'x-request-id': header('Id of this request. The log of the server has the same id.'), ...headers },
  content: { 'application/json': { schema } }
})

/** Adds the error responses, which are the same for every route. */
export const withProblems = <T extends Record<number, unknown>>(responses: T) => ({
  ...responses,
  '4xx': problem('The request cannot be fulfilled.'),
  '5xx': problem('The server or the cloud cannot fulfill the request.')
})

export const ok = <T extends TSchema>(schema: T, description: string) =>
  withProblems({ 200: json(schema, { description }) })

export const created = <T extends TSchema>(schema: T, description: string) => withProblems({
  201: json(schema, { description, headers: { location: header('Path of the new resource.') } })
})

/** A response without a body. */
export const noContent = (description: string) => withProblems({ 204: { type: 'null', description } })

export const pageAnswer = <T extends TSchema>(schema: T) => withProblems({
  200: json(schema, {
    description: 'A page.',
    headers: { link: header('The next page, `rel="next"`, if there is one.') }
  })
})

/** The responses of a change that takes time. */
export const operationAnswer = () => withProblems({
  200: json(Operation, {
    description: 'The operation ended within the time of `Prefer: wait`, or there was nothing to do.'
  }),
  202: json(Operation, {
    description: 'The cloud accepted the request, or its response was lost and the server finds out the outcome. ' +
      'Read the operation for the result.',
    headers: {
      location: header('Path of the operation.'), 'retry-after': header('Seconds to wait before reading the operation.')
    }
  })
})

export const preferHeader = Type.Object({
  prefer: Type.Optional(Type.String({
    maxLength: 1024,
    description: '`wait=30` holds the response until the operation ends, for at most that many seconds (maximum: 60).',
    examples: ['wait=30']
  }))
})

export const createHeaders = Type.Object({
  ...preferHeader.properties,
  'idempotency-key': Type.Optional(Type.String({
    maxLength: 257,
    description: 'A unique text for each new request. For 24 hours, the same request with the same key returns the ' +
      'response of the first request.'
  }))
})
