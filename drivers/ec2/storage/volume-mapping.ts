import type { Volume as RawVolume, VolumeAttachment } from '@aws-sdk/client-ec2'
import type { Volume, VolumeState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { readTags, toStatuses } from '../client/index.ts'

const states: Readonly<Record<string, VolumeState>> = {
  creating: 'creating',
  available: 'available',
  'in-use': 'in_use',
  deleting: 'deleting',
  deleted: 'deleted',
  error: 'error'
}

/** `busy` is an attachment that the node still uses while it is detached. */
const attachmentStates: Readonly<Record<string, VolumeState>> = {
  attaching: 'attaching',
  attached: 'in_use',
  detaching: 'detaching',
  busy: 'detaching'
}

/** Translates a state for the cloud's filter. The filter may match more volumes, because the core filters again. */
export function toVolumeStatuses (state: string): readonly string[] | undefined {
  if (state === 'attaching' || state === 'detaching') return ['in-use']
  if (state === 'updating') return ['available', 'in-use']
  return toStatuses(states, state)
}

/** Maps the state of a volume. Its attachment shows whether it is being attached or detached. */
export function toVolumeState (
  { State, Attachments: attachments = [] }: RawVolume,
  isModifying: boolean
): VolumeState {
  const state = states[State ?? ''] ?? 'unknown'
  if (state !== 'in_use' && state !== 'available') return state
  const transition = attachments.map(toAttachmentState).find((one) =>
    one === 'attaching' || one === 'detaching'
  )
  return transition ?? (isModifying ? 'updating' : state)
}

const toAttachmentState = ({ State: state }: VolumeAttachment): VolumeState =>
  attachmentStates[state ?? ''] ?? 'unknown'

/** The device names that are reserved for the volume from which a node boots. */
const rootDevice = /^\/dev\/(sda1?|xvda1?)$/

/**
 * Whether a node can boot from a volume. A root volume is bootable. A volume that was created empty is not, as far as
 * the cloud knows. For a volume from a snapshot it is unknown.
 */
function isBootable (
  { Attachments: attachments = [], SnapshotId: snapshot }: RawVolume
): boolean | null {
  if (attachments.some(({ Device: device = '' }) => rootDevice.test(device))) return true
  return snapshot ? null : false
}

interface NodeAttachment extends VolumeAttachment {
  InstanceId: string
}

const attachmentsOf = ({ Attachments: attachments = [] }: RawVolume) =>
  attachments
    .filter((one): one is NodeAttachment =>
      one.InstanceId !== undefined && one.State !== 'detached'
    )

/** Returns the ids of the nodes to which a volume is attached. */
export const nodesOf = (volume: RawVolume): string[] =>
  attachmentsOf(volume).map(({ InstanceId: node }) => node)

export interface VolumeMapping {
  /** Whether the volume is growing. */
  isModifying: boolean
  extra: boolean
}

/** Maps an EBS volume. */
export function toVolume (
  volume: RawVolume,
  identity: Identity,
  { isModifying, extra }: VolumeMapping
): Volume {
  const { name, tags } = readTags(volume.Tags)
  return {
    // Field by field, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name,
    state: toVolumeState(volume, isModifying),
    provider_state: volume.State ?? null,
    created_at: volume.CreateTime?.toISOString() ?? null,
    updated_at: null,
    tags,
    size: volume.Size ?? null,
    type: volume.VolumeType ?? null,
    iops: volume.Iops ?? null,
    encrypted: volume.Encrypted ?? null,
    bootable: isBootable(volume),
    availability_zone: volume.AvailabilityZone ?? null,
    attachments: attachmentsOf(volume).map((attachment) => ({
      node_id: attachment.InstanceId,
      device: attachment.Device ?? null,
      state: toAttachmentState(attachment)
    })),
    snapshot_id: volume.SnapshotId || null,
    image_id: null,
    extra: extra ? { ...volume } : undefined
  }
}
