import type { Assignment } from '../../openapi/model/index.ts'
import { showActions } from '../auth/actions-shown.ts'
import type { Caller } from '../auth/caller.ts'
import type { AssignmentRow } from './registry.ts'

/** Milliseconds before the expiry from when on the assignment has a warning. */
const warningMs = 3_600_000

const outcomes = {
  release: 'this assignment ends',
  stop: 'the server stops the node',
  destroy: 'the server destroys the node'
}

function warningOf ({ expires_at: time, on_expiry: action }: AssignmentRow) {
  if (time === null) return null
  const left = Date.parse(time) - Date.now()
  if (left <= 0 || left > warningMs) return null
  return `At ${time} ${
    outcomes[action]
  }. To prolong it, assign the node again with "replace": true.`
}

/** Whether a caller may end or replace an assignment. */
export const mayChange = (caller: Caller, { cloud, assigner }: AssignmentRow) =>
  caller.identity === assigner || caller.may('manage', cloud)

export const pathOfNode = (cloud: string, node: string) =>
  `/api/v2/clouds/${cloud}/nodes/${encodeURIComponent(node)}`

export const pathOfOperation = (id: string | null) =>
  id === null ? null : `/api/v2/operations/${id}`

/** Converts an assignment to that of the API, as a caller who may read its cloud sees it. */
export function toAssignment (row: AssignmentRow, caller: Caller): Assignment {
  const {
    id,
    cloud,
    node,
    user,
    application,
    assigned_by: assigner,
    assigned_at,
    expires_at,
    on_expiry,
    problem
  } = row
  return {
    id,
    cloud,
    node: { id: node, self: pathOfNode(cloud, node) },
    user,
    application,
    // As of operations: a server without `auth` knows no callers.
    assigned_by: assigner.kind !== 'local' && mayChange(caller, row) ? assigner : null,
    assigned_at,
    expires_at,
    on_expiry,
    warning: warningOf(row),
    problem: showActions(problem, caller.rankOn(cloud)),
    operation: pathOfOperation(row.operation_id)
  }
}
