import { Type, type Static } from 'typebox'
import { availability, nullableBoolean, nullableString, resource } from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export type Location = Static<typeof Location>
export const Location = model('Location', Type.Object({
  ...resource,
  state: availability,
  kind: Type.Enum(['region', 'zone'], { type: 'string' }),
  parent: nullableString('The id of the region of a zone.'),
  available: nullableBoolean()
}, { description: 'A region, or an availability zone of a region.' }))

export const LocationPage = pageOf('LocationPage', Location)
