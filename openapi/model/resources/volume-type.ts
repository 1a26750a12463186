import type { Static } from '#typebox'
import { availability, nullableBoolean, nullableString, resourceModel } from '../common.ts'
import { pageOf } from '../page.ts'

export type VolumeType = Static<typeof VolumeType>
export const VolumeType = resourceModel(
  'VolumeType',
  'A type of volumes. Volumes refer to it by its `name`.',
  {
    state: availability,
    description: nullableString(),
    is_default: nullableBoolean()
  }
)

export const VolumeTypePage = pageOf('VolumeTypePage', VolumeType)
