import type { Volume, VolumeState } from '../../../openapi/model/index.ts'
import type { Identity } from '../../driver.ts'
import { operationKey, toTags } from '../../tags.ts'
import { toTimestamp } from '../client/times.ts'
import { volumeState } from './volume-states.ts'

/** A volume as Cinder tells it at version 3.0, or 1. */
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
  /** What the image had to say that it was made from. */
  volume_image_metadata?: { image_id?: string }
  /** The same at Rackspace. */
  image_id?: string | null
}

/** A volume of Cinder as a volume. Cinder does not tell what a volume can do in a second. */
export function toVolume (volume: CinderVolume, identity: Identity, extra: boolean): Volume {
  const state = volumeState(volume.status)
  return {
    // Not spread, see toNode.
    id: identity.id,
    cloud: identity.cloud,
    driver: identity.driver,
    location: identity.location,
    self: identity.self,
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
    attachments: nodesOf(volume).map(({ node, device }) => ({ node_id: node, device, state: attachmentState(state) })),
    snapshot_id: volume.snapshot_id ?? null,
    image_id: volume.volume_image_metadata?.image_id ?? volume.image_id ?? null,
    ...(extra ? { extra: withoutOperation(volume) } : {})
  }
}

/** Where a volume hangs: an attachment to a host of the cloud itself has no node. */
export const nodesOf = ({ attachments = [] }: CinderVolume) => attachments.flatMap(({ server_id: node, device }) =>
  typeof node === 'string' ? [{ node, device: device ?? null }] : [])

/** Cinder tells the state of an attachment by the state of its volume. */
const attachmentState = (state: VolumeState) => state === 'detaching' ? state : 'in_use'

/** The raw fields, without the key that is ours. */
export const withoutOperation = <T extends { metadata?: Record<string, string> }>(raw: T): Record<string, unknown> =>
  raw.metadata?.[operationKey] === undefined ? { ...raw } : { ...raw, metadata: toTags(raw.metadata) }
