import type { Snapshot, SnapshotState, Volume, VolumeState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { operationKey, toTags } from '../../common/tags.ts'
import { toTimestamp } from '../client/metadata.ts'

/** A volume of Cinder 3.0, or of version 1. */
export interface CinderVolume {
  id: string
  name?: string | null
  /** The name in version 1. */
  display_name?: string | null
  status: string
  size?: number
  availability_zone?: string | null
  created_at?: string | null
  updated_at?: string | null
  volume_type?: string | null
  snapshot_id?: string | null
  metadata?: Record<string, string>
  bootable?: 'true' | 'false' | boolean
  encrypted?: boolean
  multiattach?: boolean
  attachments?: Array<{ server_id?: string | null, device?: string | null }>
  /** Fields of the image that the volume was made from. */
  volume_image_metadata?: { image_id?: string }
  /** The image that the volume was made from, at Rackspace. */
  image_id?: string | null
}

/** A snapshot of Cinder 3.0, or of version 1. */
export interface CinderSnapshot {
  id: string
  name?: string | null
  description?: string | null
  /** Name and description in version 1. */
  display_name?: string | null
  display_description?: string | null
  status: string
  volume_id?: string | null
  size?: number
  created_at?: string | null
  updated_at?: string | null
  metadata?: Record<string, string>
  /** `42%`. */
  'os-extended-snapshot-attributes:progress'?: string | null
}

/**
 * Cinder's statuses of a volume (`cinder/objects/fields.py`), and some that others set; spelled
 * with hyphens.
 */
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

/** Cinder's statuses of a snapshot. A snapshot stays available during a backup or an update. */
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

/**
 * All statuses that begin with `error_` are errors, such as `error_restoring`. Other unmapped
 * statuses are unknown.
 */
function toState<State extends string> (statuses: Readonly<Record<string, State>>, status: string) {
  const name = status.toLowerCase().replaceAll('_', '-')
  return statuses[name] ?? (name.startsWith('error-') ? 'error' : 'unknown')
}

export const volumeState = (status: string): VolumeState => toState(volumeStatuses, status)
export const snapshotState = (status: string): SnapshotState => toState(snapshotStatuses, status)

/** Converts a volume of Cinder. Cinder does not publish its IOPS. */
export function toVolume (volume: CinderVolume, identity: Identity, extra: boolean): Volume {
  const state = volumeState(volume.status)
  return {
    name: volume.name || volume.display_name || null,
    state,
    provider_state: volume.status,
    created_at: toTimestamp(volume.created_at),
    updated_at: toTimestamp(volume.updated_at),
    tags: toTags(volume.metadata),
    size: volume.size ?? null,
    type: volume.volume_type ?? null,
    iops: null,
    encrypted: volume.encrypted ?? null,
    bootable: volume.bootable === undefined ? null : String(volume.bootable) === 'true',
    availability_zone: volume.availability_zone ?? null,
    // Cinder shows the state of an attachment as the state of its volume.
    attachments: attachedNodes(volume).map(({ node, device }) => ({
      node_id: node,
      device,
      state: state === 'detaching' ? state : 'in_use'
    })),
    snapshot_id: volume.snapshot_id ?? null,
    image_id: volume.volume_image_metadata?.image_id ?? volume.image_id ?? null,
    extra: extra ? withoutOperation(volume) : undefined,
    ...identity
  }
}

/** Converts a snapshot of Cinder. */
export function toSnapshot (
  snapshot: CinderSnapshot,
  identity: Identity,
  extra: boolean
): Snapshot {
  const progress = parseInt(snapshot['os-extended-snapshot-attributes:progress'] ?? '', 10)
  return {
    name: snapshot.name || snapshot.display_name || null,
    state: snapshotState(snapshot.status),
    provider_state: snapshot.status,
    created_at: toTimestamp(snapshot.created_at),
    updated_at: toTimestamp(snapshot.updated_at),
    tags: toTags(snapshot.metadata),
    volume_id: snapshot.volume_id ?? null,
    size: snapshot.size ?? null,
    progress: Number.isNaN(progress) ? null : progress,
    description: snapshot.description || snapshot.display_description || null,
    extra: extra ? withoutOperation(snapshot) : undefined,
    ...identity
  }
}

/**
 * The nodes that a volume is attached to. An attachment to a host of the cloud itself has no node.
 */
export const attachedNodes = ({ attachments = [] }: CinderVolume) =>
  attachments.flatMap(({ server_id: node, device }) =>
    typeof node === 'string' ? [{ node, device: device ?? null }] : []
  )

/** The raw fields without our operation key. */
const withoutOperation = <T extends { metadata?: Record<string, string> }>(
  raw: T
): Record<string, unknown> =>
    raw.metadata?.[operationKey] === undefined
      ? { ...raw }
      : { ...raw, metadata: toTags(raw.metadata) }
