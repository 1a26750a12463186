import type { SnapshotState, VolumeState } from '../../../openapi/model/index.ts'

/** Cinder's statuses of a volume (`cinder/objects/fields.py`), with some that others set, in its spelling with hyphens. */
export const volumeStatuses: Readonly<Record<string, VolumeState>> = {
  creating: 'creating',
  downloading: 'creating',
  managing: 'creating',
  available: 'available',
  'awaiting-transfer': 'available',
  reserved: 'attaching',
  attaching: 'attaching',
  'in-use': 'in_use',
  detaching: 'detaching',
  extending: 'updating',
  retyping: 'updating',
  maintenance: 'updating',
  uploading: 'updating',
  unmanaging: 'deleting',
  'backing-up': 'backing_up',
  'restoring-backup': 'restoring',
  migrating: 'migrating',
  deleting: 'deleting',
  deleted: 'deleted',
  error: 'error'
}

/** The same of a snapshot. One that is being copied or looked after is there all the same. */
export const snapshotStatuses: Readonly<Record<string, SnapshotState>> = {
  creating: 'creating',
  available: 'available',
  'backing-up': 'available',
  updating: 'available',
  restoring: 'restoring',
  unmanaging: 'deleting',
  deleting: 'deleting',
  deleted: 'deleted',
  error: 'error'
}

/** `error_restoring` and `error_backing-up` are errors, as all that begin so; what nobody has mapped is unknown. */
function stateOf<State extends string> (statuses: Readonly<Record<string, State>>, status: string): State | 'error' | 'unknown' {
  const word = status.toLowerCase().replaceAll('_', '-')
  return statuses[word] ?? (word.startsWith('error-') ? 'error' : 'unknown')
}

export const volumeState = (status: string): VolumeState => stateOf(volumeStatuses, status)
export const snapshotState = (status: string): SnapshotState => stateOf(snapshotStatuses, status)
