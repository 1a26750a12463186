import { Type, type Static } from 'typebox'
import { model } from './model.ts'
import { Id, Name, nullable, nullableRef, openEnum, resource, Tags, TagsPatch } from './common.ts'

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

const visibility = Type.Enum(['public', 'private', 'shared', 'community'], { type: 'string' })

export type ImageCreate = Static<typeof ImageCreate>
export const ImageCreate = model('ImageCreate', Type.Object({
  name: Name,
  node_id: Id('Node to make it from.'),
  tags: Type.Optional(Tags)
}, { additionalProperties: false, description: 'An image of what a node holds at this moment.' }))

export type ImageUpdate = Static<typeof ImageUpdate>
export const ImageUpdate = model('ImageUpdate', Type.Object({
  name: Type.Optional(Name), tags: Type.Optional(TagsPatch), visibility: Type.Optional(visibility)
}, { additionalProperties: false, minProperties: 1 }))

export type ImageDestroy = Static<typeof ImageDestroy>
export const ImageDestroy = Type.Object({
  delete_snapshots: Type.Optional(Type.Boolean({
    description: 'Delete the snapshots that it consists of too, but those that something else uses; where images have snapshots.'
  }))
}, { additionalProperties: false })

const upload = {
  name: Name,
  disk_format: Type.Enum(['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'iso'], { type: 'string', description: 'How the file is written.' }),
  min_ram: Type.Optional(Type.Integer({ minimum: 0, description: 'MiB a node needs for it.' })),
  min_disk: Type.Optional(Type.Integer({ minimum: 0, description: 'GiB a node needs for it.' })),
  architecture: Type.Optional(Type.String({ maxLength: 64, examples: ['x86_64'] }))
}

/** What an uploaded file is: in the query, since the body is the file. */
export const ImageUpload = Type.Object(upload, { additionalProperties: false })
export type ImageUpload = Static<typeof ImageUpload>

export type ImageImport = Static<typeof ImageImport>
export const ImageImport = model('ImageImport', Type.Object({
  ...upload,
  url: Type.String({ maxLength: 2048, format: 'uri', pattern: '^https?://', description: 'Where the cloud itself fetches the file.' }),
  tags: Type.Optional(Tags)
}, { additionalProperties: false }))

export type Location = Static<typeof Location>
export const Location = model('Location', Type.Object({
  ...resource,
  state: openEnum(['available', 'unavailable', 'unknown'], 'Whether it can be used.'),
  kind: Type.Enum(['region', 'zone'], { type: 'string' }),
  parent: nullable(Type.String({ description: 'Of a zone: the id of its region.' })),
  available: nullable(Type.Boolean())
}, { description: 'A region, or an availability zone in it.' }))
