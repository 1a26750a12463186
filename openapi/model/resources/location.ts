import { Type, type Static } from '#typebox'
import { availability, nullableBoolean, nullableString, resourceModel } from '../common.ts'
import { pageOf } from '../page.ts'

export type Location = Static<typeof Location>
export const Location = resourceModel(
  'Location',
  'A region, or an availability zone of a region.',
  {
    state: availability,
    kind: Type.Enum(['region', 'zone'], { type: 'string' }),
    parent: nullableString('The id of the region of a zone.'),
    available: nullableBoolean()
  }
)

export const LocationPage = pageOf('LocationPage', Location)
