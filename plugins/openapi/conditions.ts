import { takes, type Parameter, type Response, type Route } from './document.ts'

/** No cache may store a console, and a stream has no end. */
const untagged = new Set(['getNodeConsole', 'streamEvents'])

export const isTagged = ({ path, method, operation: { operationId } }: Route) =>
  method === 'get' && !path.startsWith('/health/') && !untagged.has(operationId)

const header = (name: string, description: string): Parameter & { description: string } => {
  const schema: object = { type: 'string' }
  return { name, in: 'header', description, schema }
}

const ifNoneMatch = header(
  'If-None-Match',
  'The `ETag` of an earlier answer. If it is still the tag, the answer ' +
    'is 304.'
)

const ifMatch = header(
  'If-Match',
  'The `ETag` of the resource, read without `include` and `fields`. If the resource ' +
    'has another tag now, the answer is 412 and nothing is changed. Comparison and change are two calls to the ' +
    'cloud: a change by someone else between them is not noticed. `*`: the resource exists.'
)

const notModified: Response = {
  description: 'The representation still has the tag of `If-None-Match`.'
}

/** Whether an operation changes a resource, or a part of it. */
const changesResource = ({ path, method }: Route) =>
  method !== 'get' && /\/clouds\/\{cloud\}\/[\w-]+\/\{id\}/.test(path)

/** Adds the headers of conditional requests and their answers. The routes read them without a schema. */
export function addConditions (route: Route) {
  const { operation } = route
  const condition = isTagged(route) ? ifNoneMatch : changesResource(route) ? ifMatch : undefined
  if (condition === undefined || takes(operation, condition.name)) return
  operation.parameters = [...operation.parameters ?? [], condition]
  if (condition === ifNoneMatch) operation.responses['304'] = notModified
}
