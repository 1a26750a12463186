import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { map, nullable, nullableRef, openEnum, Timestamp } from './common.ts'
import { Problem } from './problem.ts'

export const operationStatuses = ['pending', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type OperationStatus = typeof operationStatuses[number]
export const OperationStatus = model('OperationStatus', openEnum(operationStatuses,
  'pending: the cloud has not accepted it yet; running: it has; the others are final.'))

/** Collections whose resources an operation can make or change. */
export const resourceKinds = ['node', 'volume', 'snapshot', 'image'] as const
export type ResourceKind = typeof resourceKinds[number]

export const OperationTarget = model('OperationTarget', Type.Object({
  kind: openEnum(resourceKinds, 'What it is.'),
  id: Type.String(),
  self: Type.String()
}))
export type OperationTarget = Static<typeof OperationTarget>

export const OperationResource = model('OperationResource', Type.Object({
  kind: openEnum(resourceKinds, 'What it is.'),
  id: Type.String(),
  self: Type.String(),
  state: nullable(Type.String({ description: 'Its state when it was last seen.' })),
  error: nullableRef(Problem)
}))
export type OperationResource = Static<typeof OperationResource>

export type Operation = Static<typeof Operation>
export const Operation = model('Operation', Type.Object({
  id: Type.String({ format: 'uuid' }),
  kind: Type.String({ description: 'The capability that runs.', examples: ['nodes.create', 'nodes.stop'] }),
  status: OperationStatus,
  phase: nullable(openEnum(['calling', 'reconciling', 'waiting'],
    'calling: the cloud is being asked; reconciling: its answer was lost, and what it did is being found out; waiting: the cloud is at work.')),
  progress: nullable(Type.Integer({ minimum: 0, maximum: 100 })),
  cloud: Type.String(),
  target: nullableRef(OperationTarget),
  resource: nullableRef(OperationResource),
  resources: Type.Array(OperationResource),
  error: nullableRef(Problem),
  created_at: Timestamp('When it was asked for.'),
  finished_at: Timestamp('When it ended.'),
  self: Type.String(),
  secrets: Type.Optional(map(Type.String(), {
    description: 'Shown once, in the first answer only, and kept nowhere.', examples: [{ admin_password: '…' }]
  }))
}, { description: 'A change that takes its time. It ends by itself; `wait` holds an answer until it has.' }))
