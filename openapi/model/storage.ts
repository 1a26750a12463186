import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { Id, Name, nullable, openEnum, resource, Tags, TagsPatch } from './common.ts'

const size = Type.Integer({ minimum: 1, maximum: 65536, description: 'GiB.' })

export const volumeStates = [
  'creating', 'available', 'attaching', 'in_use', 'detaching', 'updating', 'backing_up', 'restoring', 'migrating', 'deleting', 'deleted',
  'error', 'unknown'
] as const
export type VolumeState = typeof volumeStates[number]
export const VolumeState = model('VolumeState', openEnum(volumeStates, 'The state of a volume.'))

export type Volume = Static<typeof Volume>
export const Volume = model('Volume', Type.Object({
  ...resource,
  state: VolumeState,
  size: nullable(Type.Integer({ description: 'GiB.' })),
  type: nullable(Type.String({ description: 'Name of its volume type.' })),
  iops: nullable(Type.Integer()),
  encrypted: nullable(Type.Boolean()),
  bootable: nullable(Type.Boolean()),
  availability_zone: nullable(Type.String()),
  attachments: Type.Array(Type.Object({
    node_id: Type.String(), device: nullable(Type.String({ examples: ['/dev/vdb'] })), state: VolumeState
  })),
  snapshot_id: nullable(Type.String({ description: 'The snapshot it was made from.' })),
  image_id: nullable(Type.String({ description: 'The image it was made from.' }))
}, { description: 'A disk that outlives its node: an EBS volume, a Cinder volume.' }))

export type VolumeCreate = Static<typeof VolumeCreate>
export const VolumeCreate = model('VolumeCreate', Type.Object({
  name: Type.Optional(Name),
  size: Type.Optional(Type.Integer({ minimum: 1, maximum: 65536, description: "GiB; the snapshot's where not given." })),
  type: Type.Optional(Id('Name of a volume type.')),
  snapshot_id: Type.Optional(Id('Snapshot to restore.')),
  image_id: Type.Optional(Id('Image to write on it, which makes it bootable.')),
  availability_zone: Type.Optional(Id('Zone it is in.')),
  iops: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  encrypted: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Tags)
}, { additionalProperties: false, anyOf: [{ required: ['size'] }, { required: ['snapshot_id'] }] }))

export type VolumeUpdate = Static<typeof VolumeUpdate>
export const VolumeUpdate = model('VolumeUpdate', Type.Object({
  name: Type.Optional(Name), tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))

export type VolumeAttach = Static<typeof VolumeAttach>
export const VolumeAttach = model('VolumeAttach', Type.Object({
  node_id: Id('Node to attach it to.'),
  device: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Device name there, where the cloud heeds it.' }))
}, { additionalProperties: false }))

export type VolumeDetach = Static<typeof VolumeDetach>
export const VolumeDetach = model('VolumeDetach', Type.Object({
  node_id: Type.Optional(Id('Node to detach it from; the only one where not given.'))
}, { additionalProperties: false }))

export type VolumeExtend = Static<typeof VolumeExtend>
export const VolumeExtend = model('VolumeExtend', Type.Object({ size }, { additionalProperties: false }))

export type VolumeType = Static<typeof VolumeType>
export const VolumeType = model('VolumeType', Type.Object({
  ...resource,
  state: openEnum(['available', 'unavailable', 'unknown'], 'Whether it can be used.'),
  description: nullable(Type.String()),
  is_default: nullable(Type.Boolean())
}, { description: 'A kind of volumes. Volumes name it by its `name`.' }))

export const snapshotStates = ['creating', 'available', 'restoring', 'deleting', 'deleted', 'error', 'unknown'] as const
export type SnapshotState = typeof snapshotStates[number]

export type Snapshot = Static<typeof Snapshot>
export const Snapshot = model('Snapshot', Type.Object({
  ...resource,
  state: model('SnapshotState', openEnum(snapshotStates, 'The state of a snapshot.')),
  volume_id: nullable(Type.String()),
  size: nullable(Type.Integer({ description: 'GiB of the volume.' })),
  progress: nullable(Type.Integer({ minimum: 0, maximum: 100 })),
  description: nullable(Type.String())
}, { description: 'What a volume held at a moment.' }))

export type SnapshotCreate = Static<typeof SnapshotCreate>
export const SnapshotCreate = model('SnapshotCreate', Type.Object({
  volume_id: Id('Volume to take it of.'),
  name: Type.Optional(Name),
  description: Type.Optional(Type.String({ maxLength: 255 })),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type SnapshotUpdate = Static<typeof SnapshotUpdate>
export const SnapshotUpdate = model('SnapshotUpdate', Type.Object({
  name: Type.Optional(Name), tags: Type.Optional(TagsPatch)
}, { additionalProperties: false, minProperties: 1 }))
