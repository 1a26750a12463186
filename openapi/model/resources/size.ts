import { Type, type Static } from '#typebox'
import {
  availability,
  integer,
  nullableInteger,
  nullableRef,
  nullableString,
  resourceModel
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export type Price = Static<typeof Price>
export const Price = model(
  'Price',
  Type.Object({
    amount: Type.String({
      description: 'A decimal number, as text so that no client rounds it.',
      examples: ['0.0416']
    }),
    currency: Type.String({ description: 'ISO 4217.', examples: ['EUR'] }),
    per: Type.Enum(['hour'], { type: 'string' }),
    as_of: Type.String({ description: 'Date on which the price was read.' }),
    source: Type.String({ description: 'Source of the price.' })
  })
)

const Gpu = Type.Object({
  name: nullableString(),
  count: integer(),
  memory: nullableInteger('MiB of each GPU.')
})

export type Size = Static<typeof Size>
export const Size = resourceModel(
  'Size',
  'A size of nodes: an EC2 instance type, an OpenStack or Rackspace flavor.',
  {
    state: availability,
    vcpus: nullableInteger(),
    ram: nullableInteger('MiB.'),
    disk: nullableInteger('GiB. 0 means that nodes of this size boot from a volume.'),
    ephemeral_disk: nullableInteger('GiB.'),
    swap: nullableInteger('MiB.'),
    architecture: Type.Array(Type.String()),
    gpus: Type.Array(Gpu),
    price: nullableRef(Price)
  }
)

export const SizePage = pageOf('SizePage', Size)
