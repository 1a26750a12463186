import type { ImageState, SnapshotState, VolumeState } from '../../../openapi/model/index.ts'

const volumes = new Map<string, VolumeState>(Object.entries({
  creating: 'creating',
  downloading: 'creating',
  available: 'available',
  reserved: 'attaching',
  attaching: 'attaching',
  'in-use': 'in_use',
  detaching: 'detaching',
  extending: 'updating',
  deleting: 'deleting',
  error: 'error'
} satisfies Record<string, VolumeState>))

const snapshots = new Map<string, SnapshotState>(Object.entries({
  creating: 'creating', available: 'available', deleting: 'deleting', error: 'error'
} satisfies Record<string, SnapshotState>))

const images = new Map<string, ImageState>(Object.entries({
  queued: 'pending', saving: 'pending', importing: 'pending', active: 'available', pending_delete: 'deleting', killed: 'error'
} satisfies Record<string, ImageState>))

/** The model's state for a word of Cinder. */
export const volumeState = (status: string): VolumeState => volumes.get(status) ?? 'unknown'

/** The model's state for a word of Cinder. */
export const snapshotState = (status: string): SnapshotState => snapshots.get(status) ?? 'unknown'

/** The model's state for a word of Glance. */
export const imageState = (status: string): ImageState => images.get(status) ?? 'unknown'
