import { Type, type Static } from 'typebox'
import { nullable, nullableRef } from '../../../openapi/model/index.ts'
import { record, StoredTags } from '../record.ts'

const Attachment = Type.Object({
  node_id: Type.String(),
  device: Type.String(),
  /** Whether the volume goes when its node does. */
  delete_on_termination: Type.Boolean()
})

/** What each may take on at one moment of a change. */
const common = { status: Type.Optional(Type.String()), gone: Type.Optional(Type.Boolean()) }

export type StoredVolume = Static<typeof StoredVolume>
/** A volume as this cloud keeps it, in Cinder's words. */
export const StoredVolume = Type.Object({
  ...record(Type.Object({ ...common, size: Type.Optional(Type.Integer()), attachment: Type.Optional(nullableRef(Attachment)) })),
  name: nullable(Type.String()),
  status: Type.String(),
  tags: StoredTags,
  /** GiB. */
  size: Type.Integer(),
  type: Type.String(),
  availability_zone: Type.String(),
  bootable: Type.Boolean(),
  snapshot_id: nullable(Type.String()),
  image_id: nullable(Type.String()),
  attachment: nullableRef(Attachment)
})

export type StoredSnapshot = Static<typeof StoredSnapshot>
/** A snapshot as this cloud keeps it, in Cinder's words. */
export const StoredSnapshot = Type.Object({
  ...record(Type.Object({ ...common, progress: Type.Optional(Type.Integer()) })),
  name: nullable(Type.String()),
  status: Type.String(),
  tags: StoredTags,
  volume_id: Type.String(),
  /** GiB. */
  size: Type.Integer(),
  progress: Type.Integer(),
  description: nullable(Type.String())
})

export type StoredImage = Static<typeof StoredImage>
/** An image that the account has made, as this cloud keeps it, in Glance's words. */
export const StoredImage = Type.Object({
  ...record(Type.Object({ ...common, size_bytes: Type.Optional(nullable(Type.Integer())) })),
  name: Type.String(),
  status: Type.String(),
  tags: StoredTags,
  min_ram: Type.Integer(),
  min_disk: Type.Integer(),
  size_bytes: nullable(Type.Integer()),
  architecture: nullable(Type.String()),
  os: Type.Object({ family: nullable(Type.String()), distro: nullable(Type.String()), version: nullable(Type.String()) }),
  visibility: Type.String(),
  is_snapshot: Type.Boolean(),
  disk_format: nullable(Type.String()),
  /** SHA-256 of an uploaded file, in hexadecimal digits: all that is kept of it. */
  checksum: nullable(Type.String())
})
