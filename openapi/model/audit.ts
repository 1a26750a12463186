import { Type, type Static } from '#typebox'
import { CallerRef } from './caller.ts'
import { integer, nullableRef, nullableString, openEnum } from './common.ts'
import { model } from './model.ts'

export const auditOutcomes = ['started', 'accepted', 'succeeded', 'refused', 'failed'] as const

export type AuditEntry = Static<typeof AuditEntry>
export const AuditEntry = model(
  'AuditEntry',
  Type.Object({
    id: Type.String(),
    created_at: Type.String({
      format: 'date-time',
      description: 'When the request arrived; of counted refusals the begin of their minute.'
    }),
    caller: nullableRef(CallerRef),
    credential: nullableString('Id of the key or the token, which is no secret.'),
    address: Type.String({
      description:
        'Address of the client, as `trust_proxy` says; `local` for a command on the machine of the server.'
    }),
    action: Type.String({ examples: ['nodes.stop', 'authenticate'] }),
    cloud: nullableString(),
    resource: nullableString(
      'Path of the resource; `/users/NAME` for a user, whom no path of the API shows.'
    ),
    operation: nullableString('Id of the operation that the request started or joined.'),
    request_id: nullableString(
      'X-Request-Id of the request; null for counted refusals and commands.'
    ),
    provider_request_id: nullableString(
      "The cloud's own id of the last request that changes something."
    ),
    outcome: openEnum(
      auditOutcomes,
      'started: the request has no answer yet, or the server stopped before it; ' +
        'accepted: the operation tells the end; succeeded: the change was made; refused: nothing was changed; ' +
        'failed: the server or the cloud failed.'
    ),
    code: nullableString('The code of the problem of the answer.'),
    count: integer({
      minimum: 1,
      description: 'More than 1 only for refusals without a valid caller, which are counted.'
    })
  }, { description: 'A change, or a refusal.' })
)

export const AuditPage = model(
  'AuditPage',
  Type.Object({
    items: Type.Array(AuditEntry),
    next_cursor: nullableString('Cursor of the next page. The list ends when it is null.')
  })
)
