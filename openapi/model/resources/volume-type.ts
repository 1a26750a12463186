import { Type, type Static } from 'typebox'
import { availability, nullableBoolean, nullableString, resource } from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export type VolumeType = Static<typeof VolumeType>
export const VolumeType = model('VolumeType', Type.Object({
  ...resource,
  state: availability,
  description: nullableString(),
  is_default: nullableBoolean()
}, { description: 'A type of volumes. Volumes refer to it by its `name`.' }))

export const VolumeTypePage = pageOf('VolumeTypePage', VolumeType)
