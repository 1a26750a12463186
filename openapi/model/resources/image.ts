import { Type, type Static } from '#typebox'
import {
  Id,
  inputObject,
  integer,
  Name,
  nameAndTagsPatch,
  nullable,
  nullableBoolean,
  nullableInteger,
  nullableLong,
  nullableString,
  openEnum,
  patchObject,
  resourceModel,
  Tags
} from '../common.ts'
import { model } from '../model.ts'
import { pageOf } from '../page.ts'

export const imageStates = [
  'pending',
  'available',
  'disabled',
  'deleting',
  'deleted',
  'error',
  'unknown'
] as const
export type ImageState = typeof imageStates[number]
export const ImageState = model('ImageState', openEnum(imageStates, 'The state of an image.'))

export const imageVisibilities = ['public', 'private', 'shared', 'community'] as const

export type Image = Static<typeof Image>
export const Image = resourceModel(
  'Image',
  'A disk image that nodes boot from: an EC2 AMI, an OpenStack image.',
  {
    state: ImageState,
    min_ram: nullableInteger('MiB that a node needs for the image.'),
    min_disk: nullableInteger('GiB that a node needs for the image.'),
    size_bytes: nullableLong(),
    architecture: nullableString(),
    os: Type.Object({
      family: nullable(Type.String({ examples: ['linux', 'windows'] })),
      distro: nullable(Type.String({ examples: ['debian'] })),
      version: nullable(Type.String({ examples: ['12'] }))
    }),
    visibility: nullable(openEnum(imageVisibilities, 'Who can see the image.')),
    hidden: Type.Optional(
      nullableBoolean('Whether lists leave the image out unless it is asked for (OpenStack).')
    ),
    owner: nullableString(),
    is_snapshot: nullableBoolean('Whether the image was created from a node.')
  }
)

export const ImagePage = pageOf('ImagePage', Image)

export type ImageCreate = Static<typeof ImageCreate>
export const ImageCreate = model(
  'ImageCreate',
  inputObject(
    {
      name: Name,
      node_id: Id('Node to create the image from.', 'nodes')
    },
    { tags: Tags },
    { description: 'Creates an image of the present content of a node.' }
  )
)

export type ImageUpdate = Static<typeof ImageUpdate>
export const ImageUpdate = model(
  'ImageUpdate',
  patchObject({
    ...nameAndTagsPatch,
    visibility: Type.Enum([...imageVisibilities], { type: 'string' })
  })
)

export type ImageDestroy = Static<typeof ImageDestroy>
export const ImageDestroy = inputObject({}, {
  delete_snapshots: Type.Boolean({
    description:
      'Also delete the snapshots that the image consists of, except those that are still in use. ' +
      'Only for clouds whose images consist of snapshots.'
  })
})

const required = {
  name: Name,
  disk_format: Type.Enum(['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'iso'], {
    type: 'string',
    description: 'Format of the file.'
  })
}
const optional = {
  min_ram: integer({ minimum: 0, description: 'MiB that a node needs for the image.' }),
  min_disk: integer({ minimum: 0, description: 'GiB that a node needs for the image.' }),
  architecture: Type.String({ maxLength: 64, examples: ['x86_64'] })
}

/** The query of an upload, whose body is the file. */
export const ImageUpload = inputObject(required, optional)
export type ImageUpload = Static<typeof ImageUpload>

export type ImageImport = Static<typeof ImageImport>
export const ImageImport = model(
  'ImageImport',
  inputObject({
    ...required,
    url: Type.String({
      maxLength: 2048,
      format: 'uri',
      pattern: '^https?://',
      description: 'URL from which the cloud itself downloads the file.'
    })
  }, { ...optional, tags: Tags })
)
