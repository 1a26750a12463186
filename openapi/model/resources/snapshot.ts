import { Type, type Static } from '#typebox'
import {
  Id,
  inputObject,
  integer,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableInteger,
  nullableString,
  openEnum,
  patchObject,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export const snapshotStates = [
  'creating',
  'available',
  'restoring',
  'deleting',
  'deleted',
  'error',
  'unknown'
] as const
export type SnapshotState = typeof snapshotStates[number]
export const SnapshotState = model(
  'SnapshotState',
  openEnum(snapshotStates, 'The state of a snapshot.')
)

export type Snapshot = Static<typeof Snapshot>
export const Snapshot = resourceModel('Snapshot', 'The content of a volume at one moment.', {
  state: SnapshotState,
  volume_id: nullableString(),
  size: nullableInteger('GiB of the volume.'),
  progress: nullable(integer({ minimum: 0, maximum: 100 })),
  description: nullableString()
})

export const SnapshotPage = pageOf('SnapshotPage', Snapshot)

export type SnapshotCreate = Static<typeof SnapshotCreate>
export const SnapshotCreate = model(
  'SnapshotCreate',
  inputObject({
    volume_id: Id('Volume to take the snapshot of.', 'volumes')
  }, {
    name: Name,
    description: Type.String({ maxLength: 255 }),
    tags: Tags
  })
)

export type SnapshotUpdate = Static<typeof SnapshotUpdate>
export const SnapshotUpdate = model('SnapshotUpdate', patchObject(nameAndTagsPatch))
