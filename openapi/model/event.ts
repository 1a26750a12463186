import { Type, type Static, type TSchema } from '#typebox'
import { Assignment } from './assignment.ts'
import { Health } from './cloud.ts'
import { map, nullableRef, nullableString, openEnum } from './common.ts'
import { model } from './model.ts'
import { Operation } from './operation.ts'

const operationEvents = [
  'operation.created',
  'operation.phase_changed',
  'operation.ended'
] as const

const resourceEvents = [
  'node.created',
  'node.state_changed',
  'node.destroyed',
  'volume.created',
  'volume.state_changed',
  'volume.destroyed'
] as const

const cloudEvents = ['cloud.up', 'cloud.down'] as const

const assignmentEvents = [
  'assignment.created',
  'assignment.changed',
  'assignment.ended'
] as const

/** The events that clients see. */
export const eventTypes = [
  ...operationEvents,
  ...resourceEvents,
  ...cloudEvents,
  ...assignmentEvents
] as const
export type EventType = typeof eventTypes[number]

export type ResourceChange = Static<typeof ResourceChange>
export const ResourceChange = model(
  'ResourceChange',
  Type.Object({
    kind: openEnum(['node', 'volume'], 'The kind of the resource.'),
    id: Type.String({ description: "The provider's id." }),
    name: nullableString('The name; null if the event was made without reading it.'),
    state: nullableString('The state; null if it is not known, and of a destroyed resource.'),
    previous_state: nullableString('The state before; null if it is not known.'),
    operation: nullableString(
      'Path of the operation that made the change; null if it was made outside of this server.'
    ),
    self: Type.String({ description: 'Path of the resource in this API.' })
  }, { description: 'A node or a volume that was created, changed its state or was destroyed.' })
)

export type CloudChange = Static<typeof CloudChange>
export const CloudChange = model(
  'CloudChange',
  Type.Object({
    name: Type.String({ description: 'Name of the cloud.' }),
    driver: Type.String(),
    health: nullableRef(Health, 'The health that the server has seen.'),
    self: Type.String()
  }, { description: 'A cloud that no longer answers, or answers again.' })
)

/** Names the model of an event. All events have the same fields; `type` tells what `data` is. */
function eventModel<T extends TSchema> (
  id: string,
  types: readonly string[],
  data: T,
  description: string
) {
  return model(
    id,
    Type.Object({
      id: Type.String({
        description: 'Id of the event. An event that arrives twice has the same id.',
        examples: ['01890a5d-ac96-774b-bcce-b302099a8057']
      }),
      type: openEnum(types, 'What has happened.'),
      time: Type.String({
        format: 'date-time',
        description: 'When the event was recorded.',
        examples: ['2026-01-31T12:00:00.000Z']
      }),
      cloud: nullableString('Name of the cloud; null for an event of the server.'),
      resource: nullableString('Path of the resource in this API that the event is about.'),
      data
    }, { description })
  )
}

export const OperationEvent = eventModel(
  'OperationEvent',
  operationEvents,
  Operation,
  'An operation was created, has another phase or has ended.'
)

export const ResourceEvent = eventModel(
  'ResourceEvent',
  resourceEvents,
  ResourceChange,
  'A node or a volume was created, has another state or was destroyed.'
)

export const CloudStatusEvent = eventModel(
  'CloudStatusEvent',
  cloudEvents,
  CloudChange,
  'A cloud no longer answers, or answers again.'
)

export const AssignmentEvent = eventModel(
  'AssignmentEvent',
  assignmentEvents,
  Assignment,
  'An assignment was made, changed or has ended.'
)

export const ResetEvent = eventModel(
  'ResetEvent',
  ['reset'],
  Type.Object({ detail: Type.String({ description: 'Why events are missing.' }) }),
  'Events before this one are missing: list the resources again.'
)

/** An event in the format of CloudEvents 1.0, structured mode (application/cloudevents+json). */
export type CloudEvent = Static<typeof CloudEvent>
export const CloudEvent = model(
  'CloudEvent',
  Type.Object({
    specversion: Type.String({ examples: ['1.0'] }),
    id: Type.String({ description: 'Id of the event. An event that arrives twice has the same id.' }),
    source: Type.String({ description: 'URL of the API of the server.' }),
    type: Type.String({ examples: ['cloud-orchestrator.operation.ended'] }),
    time: Type.String({ format: 'date-time', description: 'When the event was recorded.' }),
    subject: Type.Optional(Type.String({
      description: 'Path of the resource in this API that the event is about.'
    })),
    datacontenttype: Type.String({ examples: ['application/json'] }),
    cloud: Type.Optional(Type.String({ description: 'Name of the cloud (an extension).' })),
    data: map(Type.Unknown(), { description: 'The same as `data` of the other form.' })
  }, { description: 'An event in the format of CloudEvents 1.0.' })
)

/** An event as clients see it. */
export interface EventEnvelope {
  id: string
  type: string
  time: string
  cloud: string | null
  resource: string | null
  data: object
}
