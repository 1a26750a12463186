import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { nullable, nullableRef, openEnum, resource } from './common.ts'

export type Price = Static<typeof Price>
export const Price = model('Price', Type.Object({
  amount: Type.String({ description: 'Decimal, as text so that nothing is rounded.', examples: ['0.0416'] }),
  currency: Type.String({ description: 'ISO 4217.', examples: ['EUR'] }),
  per: Type.Enum(['hour'], { type: 'string' }),
  as_of: Type.String({ description: 'The day the price was noted.' }),
  source: Type.String({ description: 'Where the price is from.' })
}))

const Gpu = Type.Object({
  name: nullable(Type.String()), count: Type.Integer(), memory: nullable(Type.Integer({ description: 'MiB each.' }))
})

export type Size = Static<typeof Size>
export const Size = model('Size', Type.Object({
  ...resource,
  state: openEnum(['available', 'unavailable', 'unknown'], 'Whether it can be used.'),
  vcpus: nullable(Type.Integer()),
  ram: nullable(Type.Integer({ description: 'MiB.' })),
  disk: nullable(Type.Integer({ description: 'GiB; 0 means that it boots from a volume.' })),
  ephemeral_disk: nullable(Type.Integer({ description: 'GiB.' })),
  swap: nullable(Type.Integer({ description: 'MiB.' })),
  architecture: Type.Array(Type.String()),
  gpus: Type.Array(Gpu),
  price: nullableRef(Price)
}, { description: 'A size of nodes: an EC2 instance type, an OpenStack or Rackspace flavor.' }))

export const imageStates = ['pending', 'available', 'disabled', 'deleting', 'deleted', 'error', 'unknown'] as const
export type ImageState = typeof imageStates[number]

export type Image = Static<typeof Image>
export const Image = model('Image', Type.Object({
  ...resource,
  state: model('ImageState', openEnum(imageStates, 'The state of an image.')),
  min_ram: nullable(Type.Integer({ description: 'MiB a node needs for it.' })),
  min_disk: nullable(Type.Integer({ description: 'GiB a node needs for it.' })),
  size_bytes: nullable(Type.Integer()),
  architecture: nullable(Type.String()),
  os: Type.Object({
    family: nullable(Type.String({ examples: ['linux', 'windows'] })),
    distro: nullable(Type.String({ examples: ['debian'] })),
    version: nullable(Type.String({ examples: ['12'] }))
  }),
  visibility: nullable(openEnum(['public', 'private', 'shared', 'community'], 'Who may see it.')),
  owner: nullable(Type.String()),
  is_snapshot: nullable(Type.Boolean({ description: 'Whether it was made from a node.' }))
}, { description: 'What a node boots from: an EC2 AMI, an OpenStack image.' }))

export type Location = Static<typeof Location>
export const Location = model('Location', Type.Object({
  ...resource,
  state: openEnum(['available', 'unavailable', 'unknown'], 'Whether it can be used.'),
  kind: Type.Enum(['region', 'zone'], { type: 'string' }),
  parent: nullable(Type.String({ description: 'Of a zone: the id of its region.' })),
  available: nullable(Type.Boolean())
}, { description: 'A region, or an availability zone in it.' }))
