import type { Volume as EbsVolume, VolumeAttachment } from '@aws-sdk/client-ec2'
import type { Volume, VolumeState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { readTags } from '../client/tags.ts'

const states: Readonly<Record<string, VolumeState>> = {
  creating: 'creating', available: 'available', 'in-use': 'in_use', deleting: 'deleting', deleted: 'deleted', error: 'error'
}

/** `busy` is one that shall be detached, which the node still uses. */
const attachmentStates: Readonly<Record<string, VolumeState>> = {
  attaching: 'attaching', attached: 'in_use', detaching: 'detaching', busy: 'detaching'
}

/** What a state of ours is there: of one that its attachment tells, any volume that is in use. */
export function statusesOf (state: string): readonly string[] | undefined {
  if (state === 'attaching' || state === 'detaching') return ['in-use']
  if (state === 'updating') return ['available', 'in-use']
  const found = Object.entries(states).filter(([, ours]) => ours === state).map(([theirs]) => theirs)
  return found.length === 0 ? undefined : found
}

/** A volume is attached or detached as its attachment says; `modifying` is one that grows. */
export function volumeState ({ State: told, Attachments: attachments = [] }: EbsVolume, modifying: boolean): VolumeState {
  const state = states[told ?? ''] ?? 'unknown'
  if (state === 'in_use' || state === 'available') {
    const moving = attachments.map(attachmentState).find((one) => one === 'attaching' || one === 'detaching')
    if (moving !== undefined) return moving
    if (modifying) return 'updating'
  }
  return state
}

const attachmentState = ({ State: state }: VolumeAttachment): VolumeState => attachmentStates[state ?? ''] ?? 'unknown'

/** The names that are reserved for the volume from which a node boots. */
const rootDevice = /^\/dev\/(sda1?|xvda1?)$/

/**
 * Whether a node can boot from it: so does the one whose root it is. One that began empty cannot, as far as the cloud
 * knows; of what comes from a snapshot nobody can say.
 */
function isBootable ({ Attachments: attachments = [], SnapshotId: snapshot }: EbsVolume): boolean | null {
  if (attachments.some(({ Device: device }) => device !== undefined && rootDevice.test(device))) return true
  return snapshot === undefined || snapshot === '' ? false : null
}

/** Where a volume hangs. */
export const nodesOf = ({ Attachments: attachments = [] }: EbsVolume): string[] =>
  attachments.flatMap(({ InstanceId: node, State: state }) => node === undefined || state === 'detached' ? [] : [node])

/** An EBS volume as a volume. */
export function toVolume (volume: EbsVolume, identity: Identity, { modifying, extra }: { modifying: boolean, extra: boolean }): Volume {
  const { name, tags } = readTags(volume.Tags)
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
    name,
    state: volumeState(volume, modifying),
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
    attachments: (volume.Attachments ?? []).flatMap((attachment) => {
      const { InstanceId: node, Device: device, State: state } = attachment
      return node === undefined || state === 'detached' ? [] : [{ node_id: node, device: device ?? null, state: attachmentState(attachment) }]
    }),
    snapshot_id: volume.SnapshotId === undefined || volume.SnapshotId === '' ? null : volume.SnapshotId,
    image_id: null,
    ...(extra ? { extra: { ...volume } } : {})
  }
}
