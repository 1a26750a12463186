import { Type, type Static } from '#typebox'
import { CallerRef } from './caller.ts'
import {
  inputObject,
  integer,
  nullableInteger,
  nullableRef,
  nullableString,
  openEnum,
  Timestamp
} from './common.ts'
import { model } from './model.ts'
import { Operation } from './operation.ts'
import { Problem } from './problem.ts'

/** The actions on a node whose assignment expires. */
export const expiryActions = ['release', 'stop', 'destroy'] as const
export type ExpiryAction = typeof expiryActions[number]

/** A label for people and programs. It must be readable in one line. */
const label = (description: string, example: string) =>
  Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '\\S',
    format: 'single-line',
    description,
    examples: [example]
  })

export type Assignment = Static<typeof Assignment>
export const Assignment = model(
  'Assignment',
  Type.Object({
    id: Type.String({
      description: 'Id of the assignment. A node that is assigned again gets a new one.'
    }),
    cloud: Type.String({ description: 'Name of the cloud of the node.' }),
    node: Type.Object({
      id: Type.String({ description: "The provider's id of the node." }),
      self: Type.String({ description: 'Path of the node in this API.' })
    }),
    user: Type.String({ description: 'Who uses the node: a label, which gives no permission.' }),
    application: Type.String({
      description: 'The application that the node is used for: a label.'
    }),
    assigned_by: nullableRef(
      CallerRef,
      'Who assigned the node. Shown to that caller and to those with the level ' +
        'manage on the cloud; otherwise null.'
    ),
    assigned_at: Type.String({ format: 'date-time' }),
    expires_at: Timestamp('When the assignment ends; null: only by a release.'),
    on_expiry: openEnum(
      expiryActions,
      'What the server does with the node when the assignment expires. release: only ' +
        'the assignment ends.'
    ),
    warning: nullableString(
      'In the last hour before `expires_at`: what will happen, and how to prevent it.'
    ),
    problem: nullableRef(
      Problem,
      'Why the last attempt to stop or destroy the expired node failed. The server tries ' +
        'it again.'
    ),
    operation: nullableString(
      'Path of the operation that stops or destroys the expired node; null before the expiry.'
    )
  }, {
    description: 'A node that one user has for one application. A node has at most one assignment.'
  })
)

export const AssignmentPage = model(
  'AssignmentPage',
  Type.Object({
    items: Type.Array(Assignment),
    next_cursor: nullableString('Cursor of the next page; null on the last page.'),
    total: nullableInteger('Number of assignments in all.')
  })
)

export type NodeAssign = Static<typeof NodeAssign>
export const NodeAssign = model(
  'NodeAssign',
  inputObject({
    user: label('Who uses the node: a label, which gives no permission.', 'ada'),
    application: label('The application that the node is used for.', 'billing')
  }, {
    expires_in: integer({
      minimum: 1,
      maximum: 315_360_000,
      description: 'Seconds until the assignment ends. Default: it does not end.'
    }),
    on_expiry: Type.Enum([...expiryActions], {
      type: 'string',
      description:
        'What the server does with the node at the end; needs `expires_in`. `destroy` needs the level ' +
        'manage. Default: release.'
    }),
    replace: Type.Boolean({
      description:
        'Replace the present assignment, also to prolong it. Allowed for the caller who made it, and with ' +
        'the level manage. Default: false.'
    })
  }, { description: 'An assignment to make.' })
)

export type NodeRelease = Static<typeof NodeRelease>
export const NodeRelease = model(
  'NodeRelease',
  inputObject({}, {
    destroy: Type.Boolean({
      description: 'Also destroy the node. Needs the level manage. Default: false.'
    })
  })
)

export type ReleaseResult = Static<typeof ReleaseResult>
export const ReleaseResult = model(
  'ReleaseResult',
  Type.Object({
    assignment: nullableRef(
      Assignment,
      'The assignment that has ended; null if the node had none.'
    ),
    operation: nullableRef(
      Operation,
      'The operation that destroys the node; null without `destroy`.'
    )
  })
)
