import { Type, type Static } from '#typebox'
import { integer, map, nullableRef } from './common.ts'
import { model } from './model.ts'
import { Source } from './page.ts'

export type NodeCounts = Static<typeof NodeCounts>
export const NodeCounts = model(
  'NodeCounts',
  Type.Object({
    total: integer(),
    by_state: map(integer(), {
      description: 'The number of nodes in each state. A state without nodes is left out.',
      examples: [{ running: 3, stopped: 1 }]
    })
  }, { description: 'How many nodes there are.' })
)

export type Summary = Static<typeof Summary>
export const Summary = model(
  'Summary',
  Type.Object({
    nodes: NodeCounts,
    clouds: Type.Array(
      Type.Object({
        cloud: Type.String({ description: 'Name of the cloud.' }),
        nodes: nullableRef(NodeCounts)
      }),
      { description: 'The counts of each cloud; null if the cloud failed, as `sources` reports.' }
    ),
    sources: Type.Array(Source)
  }, {
    description:
      'The nodes of all clouds in numbers. `nodes` is the sum over the clouds that answered.'
  })
)
