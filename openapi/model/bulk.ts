import { Type, type Static } from 'typebox'
import { Id, inputObject, map, nullableRef } from './common.ts'
import { model } from './model.ts'
import { Operation } from './operation.ts'
import { Problem } from './problem.ts'

/** The maximum number of nodes of one request. */
export const maxBulkIds = 100

export type NodeBulkAction = Static<typeof NodeBulkAction>
export const NodeBulkAction = model('NodeBulkAction', inputObject({
  ids: Type.Array(Id('Id of a node.'), {
    minItems: 1, maxItems: maxBulkIds, uniqueItems: true, description: 'The nodes, each once.'
  })
}, {
  input: map(Type.Unknown(), {
    description: 'The fields of the action, the same for every node: those of the body of ' +
      '`/nodes/{id}/actions/{verb}`, or `if_state` for `destroy`.',
    examples: [{ type: 'hard' }]
  })
}, { description: 'One action on many nodes of a cloud.' }))

export type NodeBulkItem = Static<typeof NodeBulkItem>
export const NodeBulkItem = model('NodeBulkItem', Type.Object({
  id: Type.String({ description: 'Id of the node.' }),
  operation: nullableRef(Operation),
  problem: nullableRef(Problem)
}, { description: 'The outcome for one node: its operation, or the problem that prevented it.' }))

export const NodeBulkResult = model('NodeBulkResult', Type.Object({
  items: Type.Array(NodeBulkItem, { description: 'One for each id, in the order of the request.' })
}))
