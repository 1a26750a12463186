import { Type, type Static } from '#typebox'
import {
  integer,
  map,
  nullable,
  nullableInteger,
  nullableRef,
  nullableString,
  openEnum,
  Timestamp
} from './common.ts'
import { CallerRef } from './caller.ts'
import { model } from './model.ts'
import { Problem } from './problem.ts'

export const operationStatuses = ['pending', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type OperationStatus = typeof operationStatuses[number]
export const OperationStatus = model(
  'OperationStatus',
  openEnum(
    operationStatuses,
    'pending: the cloud has not accepted the change yet; running: the cloud has accepted it; the others are final.'
  )
)

/** The resources that an operation can create or change. */
export const resourceKinds = ['node', 'volume', 'snapshot', 'image'] as const
export type ResourceKind = typeof resourceKinds[number]

const reference = {
  kind: openEnum(resourceKinds, 'The kind of the resource.'),
  id: Type.String(),
  self: Type.String()
}

export const OperationTarget = model('OperationTarget', Type.Object(reference))
export type OperationTarget = Static<typeof OperationTarget>

export const OperationResource = model(
  'OperationResource',
  Type.Object({
    ...reference,
    state: nullableString('The state of the resource when the server last read it.'),
    error: nullableRef(Problem)
  })
)
export type OperationResource = Static<typeof OperationResource>

export const OperationId = Type.String({
  description: 'Id of the operation.',
  examples: ['01890a5d-ac96-774b-bcce-b302099a8057']
})

export type Operation = Static<typeof Operation>
export const Operation = model(
  'Operation',
  Type.Object({
    id: OperationId,
    kind: Type.String({
      description: 'The capability that runs.',
      examples: ['nodes.create', 'nodes.stop']
    }),
    status: OperationStatus,
    phase: nullable(
      openEnum(
        ['calling', 'reconciling', 'waiting'],
        'calling: the server sends the request to the cloud; reconciling: the response was lost, and the server ' +
          'finds out the outcome; waiting: the cloud makes the change.'
      )
    ),
    progress: nullable(integer({ minimum: 0, maximum: 100 })),
    cloud: Type.String(),
    target: nullableRef(OperationTarget),
    resource: nullableRef(OperationResource),
    resources: Type.Array(OperationResource),
    error: nullableRef(Problem),
    started_by: nullableRef(
      CallerRef,
      'Who requested the operation. Shown to that caller and to those with the level ' +
        'manage on the cloud; otherwise null.'
    ),
    created_at: Timestamp('When the operation was requested.'),
    finished_at: Timestamp('When the operation ended.'),
    self: Type.String(),
    secrets: Type.Optional(map(Type.String(), {
      description: 'Only in the first response. The server does not store them.',
      examples: [{ admin_password: '…' }]
    }))
  }, {
    description:
      'A change that takes time. Read it until its status is final; `wait` delays the response.'
  })
)

export const OperationPage = model(
  'OperationPage',
  Type.Object({
    items: Type.Array(Operation),
    next_cursor: nullableString('Cursor of the next page; null on the last page.'),
    total: nullableInteger()
  })
)
