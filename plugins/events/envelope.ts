import type { CloudEvent, EventEnvelope } from '../../openapi/model/index.ts'
import { toAssignment } from '../assignments/view.ts'
import type { AssignmentRow } from '../assignments/registry.ts'
import { showActions } from '../auth/actions-shown.ts'
import type { Caller } from '../auth/caller.ts'
import { toOperation, type OperationRow } from '../operations/rows.ts'
import type { StoredEvent } from './event.ts'

/** Converts what the store has of an event to what a caller may see of it. */
function dataFor ({ type, cloud, content }: StoredEvent, caller: Caller): object {
  if (type.startsWith('operation.')) return toOperation(content as OperationRow, caller)
  if (type.startsWith('assignment.')) return toAssignment(content as AssignmentRow, caller)
  return cloud === null ? content : showActions(content, caller.rankOn(cloud))
}

/** Converts an event to the envelope that a caller sees who may read its cloud. */
export const toEnvelope = (event: StoredEvent, caller: Caller): EventEnvelope => ({
  id: event.id,
  type: event.type,
  time: event.time,
  cloud: event.cloud,
  resource: event.resource,
  data: dataFor(event, caller)
})

/** Types of CloudEvents have the reversed name of a domain or, as here, of a project as their prefix. */
const typePrefix = 'cloud-orchestrator.'

/** Converts an envelope to a CloudEvent. `source` is the URL of the API of this server. */
export function toCloudEvent (envelope: EventEnvelope, source: string): CloudEvent {
  const { id, type, time, cloud, resource, data } = envelope
  return {
    specversion: '1.0',
    id,
    source,
    type: typePrefix + type,
    time,
    ...(resource !== null && { subject: resource }),
    datacontenttype: 'application/json',
    ...(cloud !== null && { cloud }),
    data: data as Record<string, unknown>
  }
}
