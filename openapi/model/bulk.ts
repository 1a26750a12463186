import { Type, type Static, type TSchema } from '#typebox'
import { Id, inputObject, noFields, nullableRef } from './common.ts'
import { definitionOf, model } from './model.ts'
import { Operation } from './operation.ts'
import { Problem } from './problem.ts'
import { NodeDestroy, nodeVerbDetails, nodeVerbs, type NodeVerb } from './resources/index.ts'

/** The maximum number of nodes of one request. */
export const maxBulkIds = 100

const ids = Type.Array(Id('Id of a node.'), {
  minItems: 1,
  maxItems: maxBulkIds,
  uniqueItems: true,
  description: 'The nodes, each once.'
})

/** The body of an action on many nodes: their ids, and the input of the action, which is the same for every node. */
function bulkBody (name: string, input: TSchema) {
  const { required = [] } = (definitionOf(input) ?? input) as { required?: string[] }
  return model<TSchema>(
    name,
    required.length > 0 ? inputObject({ ids, input }) : inputObject({ ids }, { input })
  )
}

export const NodesAction = bulkBody('NodesAction', noFields)
export const NodesDestroy = bulkBody('NodesDestroy', NodeDestroy)

const bodyOf = (verb: NodeVerb) => {
  const { body } = nodeVerbDetails[verb]
  return body === noFields
    ? NodesAction
    : bulkBody(`Nodes${verb[0]!.toUpperCase()}${verb.slice(1)}`, body)
}

/** The body of each action on many nodes. */
export const nodeBulkBodies = {
  ...Object.fromEntries<TSchema>(nodeVerbs.map((verb) => [verb, bodyOf(verb)])) as Record<
    NodeVerb,
    TSchema
  >,
  destroy: NodesDestroy
}

export type NodeBulkItem = Static<typeof NodeBulkItem>
export const NodeBulkItem = model(
  'NodeBulkItem',
  Type.Object({
    id: Type.String({ description: 'Id of the node.' }),
    operation: nullableRef(Operation),
    problem: nullableRef(Problem)
  }, { description: 'The outcome for one node: its operation, or the problem that prevented it.' })
)

export const NodeBulkResult = model(
  'NodeBulkResult',
  Type.Object({
    items: Type.Array(NodeBulkItem, {
      description: 'One for each id, in the order of the request.'
    })
  })
)
