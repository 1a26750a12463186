import * as assignment from './assignment.ts'
import * as audit from './audit.ts'
import * as bulk from './bulk.ts'
import * as caller from './caller.ts'
import * as cloud from './cloud.ts'
import * as event from './event.ts'
import { definitionOf } from './model.ts'
import * as operation from './operation.ts'
import * as page from './page.ts'
import * as problem from './problem.ts'
import * as resources from './resources/index.ts'
import * as summary from './summary.ts'
import * as webhook from './webhook.ts'

const modules = [
  resources,
  page,
  problem,
  caller,
  cloud,
  operation,
  event,
  bulk,
  summary,
  audit,
  assignment,
  webhook
]
const exported = modules.flatMap((module): unknown[] => Object.values(module))
const verbBodies = Object.values(resources.nodeVerbDetails).map(({ body }) => body)

/** Every named model. `plugins/schemas.ts` registers them. */
export const models = [
  ...new Set([...exported, ...verbBodies, ...Object.values(bulk.nodeBulkBodies)])
]
  .map(definitionOf).filter((schema) => schema !== undefined)

const scalarTypes = new Set(['string', 'integer', 'number', 'boolean'])

/** The fields of the model with this name that lists can be sorted by. */
export const sortableFieldsOf = (id: string) =>
  Object.entries(propertiesOf(id))
    .filter(([name, { type = [] }]) =>
      name === 'state' || [type].flat().some((one) => scalarTypes.has(one))
    )
    .map(([name]) => name)

/** The properties of the model with this name. */
export function propertiesOf (id: string): Record<string, { type?: string | string[] }> {
  const schema = models.find(({ $id }) => $id === id) as
    | { properties?: Record<string, object> }
    | undefined
  return schema?.properties ?? {}
}
