import { Type, type Static } from '#typebox'
import {
  Id,
  inputObject,
  integer,
  long,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableBoolean,
  nullableInteger,
  nullableLong,
  nullableString,
  openEnum,
  patchObject,
  requireAny,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export const volumeStates = [
  'creating',
  'available',
  'attaching',
  'in_use',
  'detaching',
  'updating',
  'backing_up',
  'restoring',
  'migrating',
  'deleting',
  'deleted',
  'error',
  'unknown'
] as const
export type VolumeState = typeof volumeStates[number]
export const VolumeState = model('VolumeState', openEnum(volumeStates, 'The state of a volume.'))

export type Volume = Static<typeof Volume>
export const Volume = resourceModel(
  'Volume',
  'A disk that is independent of nodes: an EBS volume, a Cinder volume.',
  {
    state: VolumeState,
    size: nullableInteger('GiB.'),
    type: nullableString('Name of the volume type.'),
    iops: nullableLong(),
    encrypted: nullableBoolean(),
    bootable: nullableBoolean(),
    availability_zone: nullableString(),
    attachments: Type.Array(Type.Object({
      node_id: Type.String(),
      device: nullable(Type.String({ examples: ['/dev/vdb'] })),
      state: VolumeState
    })),
    snapshot_id: nullableString('The snapshot that the volume was created from.'),
    image_id: nullableString('The image that the volume was created from.')
  }
)

export const VolumePage = pageOf('VolumePage', Volume)

const size = (description: string) => integer({ minimum: 1, maximum: 65536, description })

export type VolumeCreate = Static<typeof VolumeCreate>
export const VolumeCreate = model(
  'VolumeCreate',
  inputObject({}, {
    name: Name,
    size: size('GiB. Default: the size of the snapshot.'),
    type: Id('Name of a volume type.', 'volume-types'),
    snapshot_id: Id('Snapshot to restore.', 'snapshots'),
    image_id: Id('Image to write to the volume, which makes it bootable.', 'images'),
    availability_zone: Id('Zone of the volume.', 'locations'),
    iops: long({ minimum: 1, maximum: 1_000_000 }),
    encrypted: Type.Boolean(),
    tags: Tags
  }, requireAny('size', 'snapshot_id'))
)

export type VolumeUpdate = Static<typeof VolumeUpdate>
export const VolumeUpdate = model('VolumeUpdate', patchObject(nameAndTagsPatch))

export type VolumeAttach = Static<typeof VolumeAttach>
export const VolumeAttach = model(
  'VolumeAttach',
  inputObject({
    node_id: Id('Node to attach the volume to.', 'nodes')
  }, {
    device: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Device name in the node. Some clouds ignore it.'
    })
  })
)

export type VolumeDetach = Static<typeof VolumeDetach>
export const VolumeDetach = model(
  'VolumeDetach',
  inputObject({}, {
    node_id: Id(
      'Node to detach the volume from. Default: the only node it is attached to.',
      'nodes'
    )
  })
)

export type VolumeExtend = Static<typeof VolumeExtend>
export const VolumeExtend = model('VolumeExtend', inputObject({ size: size('GiB.') }))
