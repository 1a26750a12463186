import { Type } from '#typebox'

/** Create options that only this cloud has, under Nova's names. */
export const createOptions = Type.Object({
  config_drive: Type.Optional(Type.Boolean({
    description: 'Provide metadata and user data on a drive of the node.'
  })),
  disk_config: Type.Optional(Type.Enum(['AUTO', 'MANUAL'], {
    type: 'string',
    description: 'AUTO: the root partition takes the whole disk. MANUAL: as in the image.'
  }))
}, { additionalProperties: false })
