import type { OperationRow } from './rows.ts'

/**
 * The fields of a row of which an operation of the API is made. Events keep them until a caller sees them: the
 * input of a create stays in the row.
 */
export const toContent = ({
  id, kind, status, phase, progress, cloud, target, resources, error, started_by, created_at,
  finished_at
}: OperationRow) => ({
  id,
  kind,
  status,
  phase,
  progress,
  cloud,
  target,
  resources,
  error,
  started_by,
  created_at,
  finished_at
})
