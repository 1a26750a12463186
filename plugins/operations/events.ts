import type { EventType, ResourceChange } from '../../openapi/model/index.ts'
import type { NewEvent } from '../events/event.ts'
import { eventIdOf } from '../events/writer.ts'
import { toContent } from './content.ts'
import type { OperationRow } from './rows.ts'

/** A step that is written again after a failed commit has the same event. */
function operationEvent (type: EventType, row: OperationRow): NewEvent {
  const { id, cloud, status, phase, attempts, epoch } = row
  return {
    id: eventIdOf(id, type, status, phase ?? '', attempts, epoch),
    type,
    cloud,
    resource: `/api/v2/operations/${id}`,
    content: toContent(row)
  }
}

const goneStates = new Set(['terminated', 'deleted'])

type Resource = OperationRow['resources'][number]

/** What the end of an operation has done to a resource; undefined if nothing that is known. */
function effectOn (row: OperationRow, resource: Resource) {
  const { kind, status, target, from_state: before, error } = row
  const isCreate = kind.endsWith('.create')
  const isGone = goneStates.has(resource.state ?? '') ||
    (kind.endsWith('.destroy') && status === 'succeeded')
  if (isGone || (!isCreate && error?.code === 'resource_not_found')) {
    return isCreate ? undefined : 'destroyed'
  }
  if (isCreate) return resource.state === null ? undefined : 'created'
  const isChanged = resource.self === target?.self && resource.state !== null &&
    resource.state !== before
  return isChanged ? 'state_changed' : undefined
}

/** The events of the nodes and volumes that an ended operation has created, changed or destroyed. */
function resourceEvents (row: OperationRow): NewEvent[] {
  if (row.status === 'cancelled') return []
  return row.resources.flatMap((resource) => {
    const { kind, id, self, state } = resource
    const effect = effectOn(row, resource)
    if (effect === undefined || (kind !== 'node' && kind !== 'volume')) return []
    const type: EventType = `${kind}.${effect}`
    const content: ResourceChange = {
      kind,
      id,
      name: null,
      state: effect === 'destroyed' ? null : state,
      previous_state: effect === 'created' ? null : row.from_state,
      operation: `/api/v2/operations/${row.id}`,
      self
    }
    const event = { type, cloud: row.cloud, resource: self, content }
    return [{ ...event, id: eventIdOf(row.id, type, self) }]
  })
}

/** The events of a step of an operation: of a new row, or of the change from an earlier state of it. */
export function operationEvents (row: OperationRow, before?: OperationRow): NewEvent[] {
  const created = before === undefined ? [operationEvent('operation.created', row)] : []
  if (row.finished_at !== null) {
    return [...created, operationEvent('operation.ended', row), ...resourceEvents(row)]
  }
  const isChanged = before !== undefined && (
    before.phase !== row.phase || before.status !== row.status || before.attempts !== row.attempts
  )
  return isChanged ? [operationEvent('operation.phase_changed', row)] : created
}
