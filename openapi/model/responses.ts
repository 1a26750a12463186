import { Type, type TSchema } from 'typebox'
import { models } from './model.ts'
import { Operation } from './operation.ts'
import { Problem } from './problem.ts'

const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: Problem } } })

const header = (description: string) => ({ type: 'string', description })

interface Described { description: string, headers?: Record<string, object> }

/** An answer that is JSON of this schema. */
export const json = <T extends TSchema>(schema: T, { description, headers = {} }: Described) =>
  ({ description, headers: { 'x-request-id': header('Id of this request, in the log of the server too.'), ...headers }, content: { 'application/json': { schema } } })

/** Beside its own answers every route has the one form of errors. */
export const withProblems = <T extends Record<number, unknown>>(answers: T) =>
  ({ ...answers, '4xx': problem('The request cannot be fulfilled.'), '5xx': problem('The server or the cloud cannot fulfil it.') })

export const ok = <T extends TSchema>(schema: T, description: string) => withProblems({ 200: json(schema, { description }) })

/** What has been made at once. */
export const created = <T extends TSchema>(schema: T, description: string) => withProblems({
  201: json(schema, { description, headers: { location: header('The new resource.') } })
})

/** A change whose answer has no body. */
export const noContent = (description: string) => withProblems({ 204: { type: 'null', description } })

/** A page of a list, with the next one as a link. */
export const pageAnswer = <T extends TSchema>(schema: T) => withProblems({
  200: json(schema, { description: 'A page.', headers: { link: header('The next page, `rel="next"`, where there is one.') } })
})

/** A change: accepted and under way, or, with `Prefer: wait`, ended. */
export const operationAnswer = () => withProblems({
  200: json(Operation, { description: 'It has ended within the time of `Prefer: wait`, or there was nothing to do.' }),
  202: json(Operation, {
    description: 'The cloud has accepted it, or its answer was lost and is being found out. The operation tells the end.',
    headers: { location: header('The operation.'), 'retry-after': header('Seconds after which to look.') }
  })
})

export const preferHeader = Type.Object({
  prefer: Type.Optional(Type.String({ maxLength: 1024, description: '`wait=30` holds the answer until the end, for so many seconds (60 at the most).', examples: ['wait=30'] }))
})

export const createHeaders = Type.Object({
  ...preferHeader.properties,
  'idempotency-key': Type.Optional(Type.String({
    maxLength: 257, description: 'Any text that is new for each new request. The same request with the same key is answered as the first was, for 24 hours.'
  }))
})

/** The properties of a model, by its name. */
export function propertiesOf (id: string): Record<string, { type?: string | string[] }> {
  const found = models.find((schema) => (schema as { $id?: string }).$id === id) as { properties?: Record<string, object> } | undefined
  return found?.properties ?? {}
}
